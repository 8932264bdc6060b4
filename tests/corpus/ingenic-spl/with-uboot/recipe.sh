# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
spl = b"\x06\x05\x04\x03\x02\x55\xaa\x55\xaa\x2d\0\0" + struct.pack("<I", 0x3000)
spl = spl.ljust(0x800, b"\0") + data[:0x2800]
image = spl.ljust(0x6800, b"\0") + b"\x02U-Boot 2013.07 (Jul 28 2017)" + data[:9000]
open(sys.argv[2], "wb").write(image.ljust(0x10000, b"\0"))
END
