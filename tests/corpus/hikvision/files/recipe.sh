# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import struct, sys
files = [(b"uImage", open(sys.argv[1], "rb").read()[:2000]), (b"app.img", open(sys.argv[2], "rb").read())]
length = 64 + 44 * len(files)
table, body = b"", b""
for name, content in files:
    table += struct.pack("<32sIII", name, length + len(body), len(content), sum(content) & 0xffffffff)
    body += content
rest = struct.pack("<4I", len(files), 1, 2, 1) + b"\xff" * 36 + table
head = struct.pack("<4sII", b"SWKH", sum(rest), length) + rest
key = bytes.fromhex("bacdbcfed6caddd3bab9a3abbfcbb5be")
open(sys.argv[3], "wb").write(bytes(byte ^ key[(i + (i >> 4)) & 15] for i, byte in enumerate(head)) + body)
END
