# SPDX-License-Identifier: Apache-2.0
# make.sh, with VERSION and the OPTIONS of mkfs.minix.
# The file system is made by its tool; no tool puts files into it without mounting it, so they are
# written here: a file with a hole and indirect zones, a directory, a link, a device.
truncate -s 1M "$OUT"
/usr/sbin/mkfs.minix $OPTIONS -i 64 "$OUT" > log
python3 - "$TREE/lib/text.txt" "$OUT" "$VERSION" <<'END'
import struct, sys
data, version = open(sys.argv[1], "rb").read()[:12345], int(sys.argv[3])
image = bytearray(open(sys.argv[2], "rb").read())
if version == 3:
    inodes, imaps, zmaps, first = struct.unpack_from("<I2xHHH", image, 1024)
else:
    inodes, _, imaps, zmaps, first = struct.unpack_from("<5H", image, 1024)
table, size, width, name = (2 + imaps + zmaps) * 1024, 32 if version == 1 else 64, 2 if version == 1 else 4, 60 if version == 3 else 30
free = [first + 1]
def zone(content):
    at = free[0]
    free[0] += 1
    image[at * 1024:at * 1024 + len(content)] = content
    return at
def zones(content):
    list_ = [zone(content[i:i + 1024]) if content[i:i + 1024].strip(b"\0") else 0 for i in range(0, len(content), 1024)]
    direct, rest = list_[:7], list_[7:]
    pack = lambda numbers: struct.pack("<%d%s" % (len(numbers), "H" if width == 2 else "I"), *numbers)
    direct += [0] * (7 - len(direct))
    direct.append(zone(pack(rest)) if rest else 0)
    return direct
def inode(number, mode, length, list_, links=1):
    list_ = (list_ + [0] * 10)[:9 if version == 1 else 10]
    if version == 1:
        raw = struct.pack("<HHIIBB9H", mode, 0, length, 1000000000, 0, links, *list_)
    else:
        raw = struct.pack("<HHHHIIII10I", mode, links, 0, 0, length, 1, 1000000000, 1, *list_)
    image[table + (number - 1) * size:table + number * size] = raw
def directory(own, parent, names):
    form = "<%s%ds" % ("I" if version == 3 else "H", name)
    return b"".join(struct.pack(form, n, t) for n, t in [(own, b"."), (parent, b"..")] + names)
content = data + bytes(5000) + data
inode(2, 0o100755, len(content), zones(content), 2)
inode(3, 0o120777, 4, zones(b"file"))
inode(4, 0o020600, 0, [5 << 8 | 1])
sub = directory(5, 1, [(2, b"hard")])
inode(5, 0o040750, len(sub), zones(sub), 2)
root = directory(1, 1, [(2, b"file"), (3, b"link"), (4, b"console"), (5, b"sub")])
inode(1, 0o040755, len(root), zones(root), 3)
open(sys.argv[2], "wb").write(image)
END
