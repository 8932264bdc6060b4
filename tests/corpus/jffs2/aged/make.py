# SPDX-License-Identifier: Apache-2.0
"""A JFFS2 that was in use: renamed, deleted, overwritten, truncated and extended files, an
obsolete node, a node that power loss damaged, a hole, an extended attribute, erased blocks."""
import struct
import sys
import zlib


def crc(data):
    """Register from 0, not inverted: zlib's CRC with both inversions undone."""
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def node(kind, body, obsolete=False):
    header = struct.pack("<HHI", 0x1985, kind, 12 + len(body))
    check = crc(header)
    if obsolete:
        header = struct.pack("<HHI", 0x1985, kind & ~0x2000, 12 + len(body))
    data = header + struct.pack("<I", check) + body
    return data + b"\xff" * (-len(data) % 4)


def dirent(parent, version, inode, name, obsolete=False):
    fixed = struct.pack("<IIIIBBH", parent, version, inode, 7, len(name), 8, 0)
    header = struct.pack("<HHI", 0x1985, 0xE001, 40 + len(name))
    check = crc(header + struct.pack("<I", crc(header)) + fixed)
    return node(0xE001, fixed + struct.pack("<II", check, crc(name)) + name, obsolete)


def inode(number, version, mode, size, offset=0, data=b"", length=None, compressor=0, damage=b""):
    length = len(data) if length is None else length
    fixed = struct.pack("<IIIHHIIIIIIIBBH", number, version, mode, 1000, 100, size, 1, 2, 3,
                        offset, len(data), length, compressor, compressor, 0)
    header = struct.pack("<HHI", 0x1985, 0xE002, 68 + len(data))
    check = crc(header + struct.pack("<I", crc(header)) + fixed)
    stored = damage or data
    return node(0xE002, fixed + struct.pack("<II", crc(data), check) + stored)


def xattr(number, name, value):
    fixed = struct.pack("<IIBBH", number, 1, 1, len(name), len(value))
    fixed += struct.pack("<I", crc(name + b"\0" + value))
    header = struct.pack("<HHI", 0x1985, 0xE008, 32 + len(name) + 1 + len(value))
    check = crc(header + struct.pack("<I", crc(header)) + fixed)
    return node(0xE008, fixed + struct.pack("<I", check) + name + b"\0" + value)


def xref(inode, xattr, sequence):
    fixed = struct.pack("<III", inode, xattr, sequence)
    header = struct.pack("<HHI", 0x1985, 0xE009, 28)
    check = crc(header + struct.pack("<I", crc(header)) + fixed)
    return node(0xE009, fixed + struct.pack("<I", check))


BLOCK = 4096
MARKER = node(0x2003, b"")
DEFLATE = zlib.compress(b"compressed " * 20)
blocks = [
    dirent(1, 1, 2, b"deleted") + inode(2, 1, 0o100644, 4, data=b"gone")
    + dirent(1, 2, 3, b"old-name") + inode(3, 1, 0o100644, 10, data=b"0123456789")
    + dirent(1, 3, 4, b"directory") + inode(4, 1, 0o40755, 0),
    dirent(1, 4, 0, b"deleted") + dirent(1, 5, 0, b"old-name") + dirent(4, 6, 3, b"new-name")
    + dirent(4, 7, 3, b"second-name")
    + inode(3, 3, 0o100600, 4) + inode(3, 2, 0o100644, 10, offset=2, data=b"XX"),
    None,
    dirent(1, 8, 5, b"obsolete", obsolete=True)
    + dirent(1, 9, 6, b"sparse") + inode(6, 1, 0o100644, 1, data=b"a")
    + inode(6, 2, 0o100644, 5000, offset=1, length=4999, compressor=1)
    + inode(6, 3, 0o100644, 5001, offset=5000, data=b"z")
    + dirent(1, 10, 7, b"power-loss") + inode(7, 1, 0o100644, 5, data=b"whole")
    + inode(7, 2, 0o100644, 5, data=b"parts", damage=b"par\xff\xff")
    + dirent(1, 11, 8, b"compressed") + inode(8, 1, 0o100644, 220, data=DEFLATE, length=220, compressor=6)
    + dirent(1, 12, 9, b"lost") + inode(9, 1, 0o100644, 4, data=b"lost", damage=b"l\xff\xff\xff")
    + xattr(1, b"origin", b"factory") + xref(6, 1, 2)
    + xref(8, 1, 2) + xref(8, 1, 3) + node(0x2004, b"\0" * 40),
]
image = b""
for block in blocks:
    content = MARKER + block if block is not None else b""
    image += content + b"\xff" * (BLOCK - len(content))
open(sys.argv[1], "wb").write(image)
