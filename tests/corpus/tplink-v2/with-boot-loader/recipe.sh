# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
def header(length, kernel, boot, salt):
    head = struct.pack(">I48sIII16s", 0x03000000, b"ver. 2.0", 0x08410014, 1, 0x14, salt).ljust(0x68, b"\0")
    addresses = struct.pack("<2I", 0x80000000, 0x8000C150)
    return (head + addresses + struct.pack(">7I", length, kernel, 3000, 0, 0, 0, boot)).ljust(512, b"\0")
inner_length = 512 + 4096
outer_length = 512 + 0x10000 + inner_length
inner = header(inner_length, 512, 0, bytes(16)) + data[:3000].ljust(4096, b"\xff")
boot = b"U-Boot 1.1.3 (Nov 19 2023)".ljust(0x10000, b"\xff")
salt = bytes.fromhex("8cef335fd5c5cefaac9c28dab2e90f42")
image = header(outer_length, 0x10400, 30000, salt) + boot + inner
open(sys.argv[2], "wb").write(image[:0x40] + hashlib.md5(image).digest() + image[0x50:])
END
