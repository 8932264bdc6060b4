# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
blob = struct.pack("<IIIHH32s", 0xbabe, 0, 4000, 4, 0, b"root.ubi") + data[:4000]
rest = struct.pack("<I8s8s16x8I", 0, b"RA70", b"EU", 80, *[0] * 7) + blob + struct.pack("<I12x", 256) + bytes(range(256))
open(sys.argv[2], "wb").write(b"HDR2" + struct.pack("<II", 80 + len(blob), zlib.crc32(rest) ^ 0xffffffff) + rest)
END
