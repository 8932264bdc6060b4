# SPDX-License-Identifier: Apache-2.0
"""Adds a journal to an image, as after power loss: a new file, a renamed one, a deleted one, a
truncated one, one with data but no size yet. Arguments: image, `replay` or `damage`: the second
damages the index instead, so that all nodes must be taken."""
import struct
import sys
import zlib

PATH, WHAT = sys.argv[1:]
LEB = 126976
image = bytearray(open(PATH, "rb").read())


def nodes(block):
    at = block * LEB
    while image[at:at + 4] == b"\x31\x18\x10\x06":
        length, kind = struct.unpack_from("<IB", image, at + 16)
        yield at, kind, length
        if kind == 5:
            length += struct.unpack_from("<I", image, at + 24)[0]
        at += length + -length % 8


sequence = 1_000_000


def node(kind, body):
    global sequence
    sequence += 1
    rest = struct.pack("<QIBBH", sequence, 24 + len(body), kind, 0, 0) + body
    crc = zlib.crc32(rest) ^ 0xFFFFFFFF
    data = b"\x31\x18\x10\x06" + struct.pack("<I", crc) + rest
    return data + b"\0" * (-len(data) % 8)


def inode(number, size, mode, links=1, data=b""):
    return node(0, struct.pack("<II8xQQQQQIIIIIIIIIII4xIH26x", number, 0, 0, size, 1, 2, 3, 0, 0, 0,
                               links, 7, 8, mode, 0, len(data), 0, 0, 0, 0) + data)


def dirent(parent, inode, name):
    return node(2, struct.pack("<II8xQBBHI", parent, 2 << 29, inode, 0, 0, len(name), 0) + name + b"\0")


def xattr(host, inode, name):
    return node(3, struct.pack("<II8xQBBHI", host, 3 << 29, inode, 0, 0, len(name), 0) + name + b"\0")


def data(inode, block, content):
    return node(1, struct.pack("<II8xIHH", inode, 1 << 29 | block, len(content), 0, 0) + content)


def truncation(inode, old, new):
    return node(4, struct.pack("<I12xQQ", inode, old, new))


master = [at for block in (1, 2) for at, kind, _ in nodes(block) if kind == 7][-1]
log, root, offset = struct.unpack_from("<III", image, master + 44)
if WHAT == "damage":
    image[root * LEB + offset + 30] ^= 1
    open(PATH, "wb").write(image)
    sys.exit()
dirents = {}
for block in range(len(image) // LEB):
    for at, kind, _ in nodes(block):
        if kind == 2:
            parent, = struct.unpack_from("<I", image, at + 24)
            target, length = struct.unpack_from("<QxxH", image, at + 40)
            dirents[bytes(image[at + 56:at + 56 + length])] = parent, target
parent, busybox = dirents[b"busybox"]
text_parent, text = dirents[b"text.txt"]
_, small = dirents[b"small"]
etc, passwd = dirents[b"passwd"]
journal = inode(9000, 11, 0o100640) + dirent(1, 9000, b"new") + data(9000, 0, b"new content")
journal += inode(9001, 7, 0o100644, data=b"factory") + xattr(9000, 9001, b"user.origin")
journal += dirent(parent, 0, b"busybox") + dirent(1, busybox, b"renamed")
journal += dirent(parent, 0, b"small") + inode(small, 0, 0o100755, 0)
journal += inode(text, 5000, 0o100644) + truncation(text, 400_000, 5000)
journal += data(passwd, 0, b"root::0:0::/:/bin/sh\n" * 2)
bud = len(image) // LEB
image += journal + b"\xff" * (LEB - len(journal))
struct.pack_into("<I", image, 40, bud + 1)
struct.pack_into("<I", image, 4, zlib.crc32(image[8:4096]) ^ 0xFFFFFFFF)
*_, (at, _, length) = nodes(log)
at += length + -length % 8
at += -at % 2048
reference = node(8, struct.pack("<III28x", bud, 0, 1))
image[at:at + len(reference)] = reference
open(PATH, "wb").write(image)
