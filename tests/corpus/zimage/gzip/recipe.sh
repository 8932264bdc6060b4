# SPDX-License-Identifier: Apache-2.0
cat "$TREE/lib/block.bin" "$TREE/lib/text.txt" > vmlinux
gzip -9nc < vmlinux > stream
python3 - stream "$OUT" <<'END'
import struct, sys
stream = open(sys.argv[1], "rb").read()
image = struct.pack("<I", 0xE1A00000) * 9
size = (0x30 + 0x400 + len(stream) + 4 + 3) // 4 * 4
image += struct.pack("<3I", 0x016F2818, 0, size)
image += b"\x11" * 0x400 + stream + struct.pack("<I", 531072)
open(sys.argv[2], "wb").write(image.ljust(size, b"\0"))
END
