# SPDX-License-Identifier: Apache-2.0
# lpmake is not in Debian.
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
gzip -n < "$TREE/lib/text.txt" > vendor.gz
python3 - root.img vendor.gz "$OUT" <<'END'
import hashlib, struct, sys
system, vendor = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
digest = lambda data: hashlib.sha256(data).digest()
def sealed(before, after):
    return before + digest(before + bytes(32) + after) + after
geometry = sealed(struct.pack("<4sI", b"gDla", 52), struct.pack("<III", 65536, 1, 4096))
pad = lambda data, size: data + bytes(-len(data) % size)
first, body, extents = 64 << 10, b"", []
def extent(content):
    global body
    extents.append((len(pad(content, 512)) // 512, (first + len(body)) // 512))
    body += pad(content, 4096)
extent(system)
extent(vendor[:512])
extent(vendor[512:])
table = b"".join(struct.pack("<36sIIII", n, 1, at, count, 0) for n, at, count in [(b"system_a", 0, 1), (b"vendor_a", 1, 2), (b"odm_a", 3, 0)])
extent_at = len(table)
table += b"".join(struct.pack("<QIQI", sectors, 0, at, 0) for sectors, at in extents)
end = len(table)
descriptors = struct.pack("<12I", 0, 3, 52, extent_at, 3, 24, end, 0, 48, end, 0, 64)
header = sealed(struct.pack("<4sHHI", b"0PLA", 10, 0, 128), struct.pack("<I", len(table)) + digest(table) + descriptors)
image = bytes(4096) + geometry.ljust(4096, b"\0") * 2 + header + table
open(sys.argv[3], "wb").write(image.ljust(first, b"\0") + body)
END
