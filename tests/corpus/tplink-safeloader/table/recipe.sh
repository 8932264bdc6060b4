# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import hashlib, struct, sys
data, root = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
files = [("partition-table", 0x800, data[:200]), ("os-image", 0x1000, data[3:4000]), ("file-system", 0x1000 + 3997, root)]
table = "".join("fwup-ptn %s base 0x%05x size 0x%05x\t\r\n" % (n, at, len(c)) for n, at, c in files).encode()
body = bytearray(table.ljust(0x800, b"\xff"))
body[len(table)] = 0
for name, at, content in files:
    body += b"\xff" * (at - len(body)) + content
vendor = (b"vendor area " + data[:600]).ljust(0x1000, b"\xff")
rest = vendor + bytes(body)
salt = bytes.fromhex("7a2b15ed9b98596de504ab44ac2a9f4e")
open(sys.argv[3], "wb").write(struct.pack(">I", 20 + len(rest)) + hashlib.md5(salt + rest).digest() + rest)
END
