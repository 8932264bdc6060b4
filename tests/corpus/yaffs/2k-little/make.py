# SPDX-License-Identifier: Apache-2.0
"""Writes a YAFFS image of a tree, as mkyaffs2image does, or with a history as a device leaves it.

Arguments: tree, image, page size, spare size, offset of the tags (or `one` for YAFFS1), byte order
(`<` or `>`), and `history` if wanted.
"""
import os
import stat
import struct
import sys

TREE, OUT, PAGE, SPARE, OFFSET, ORDER, *HISTORY = sys.argv[1:]
PAGE, SPARE = int(PAGE), int(SPARE)
out = open(OUT, "wb")
sequence = 0x1000
written = {}
ROOT, UNLINKED, DELETED = 1, 3, 4


def chunk(data, number, position, length):
    if OFFSET == "one":
        serial = written.get((number, position), -1) + 1 & 3
        written[number, position] = serial
        bits = position | serial << 20 | (length & 0x3FF) << 22 | number << 32 | 3 << 62
        tags = struct.pack("<Q", bits)
        spare = tags[:4] + b"\xff\xff" + tags[4:6] + b"\xff" * 3 + tags[6:] + b"\xff" * 3
    else:
        tags = struct.pack(ORDER + "IIII", sequence, number, position, length)
        spare = b"\xff" * int(OFFSET) + tags
    out.write(data.ljust(PAGE, b"\xff") + spare.ljust(SPARE, b"\xff"))


def header(number, kind, parent, name, info, size=0, equivalent=0, alias=b"", shadows=0, shrink=0):
    head = struct.pack(ORDER + "IIH", kind, parent, 0xFFFF) + name.ljust(258, b"\0")
    head += struct.pack(ORDER + "IIIIIIII", info.st_mode, 5, 6, 0, int(info.st_mtime), 0, size, equivalent)
    head += alias.ljust(160, b"\0") + struct.pack(ORDER + "I", 0) + b"\0" * 40
    head += struct.pack(ORDER + "II", shadows, shrink)
    chunk(head, number, 0, 0xFFFF)


def content(number, data):
    for position in range(0, len(data), PAGE):
        part = data[position:position + PAGE]
        chunk(part, number, position // PAGE + 1, len(part))


def tree(directory, parent, numbers):
    for name in sorted(os.listdir(directory)):
        path, number = os.path.join(directory, name), next(numbers)
        info = os.lstat(path)
        if stat.S_ISDIR(info.st_mode):
            header(number, 3, parent, name.encode(), info)
            tree(path, number, numbers)
        elif stat.S_ISLNK(info.st_mode):
            header(number, 2, parent, name.encode(), info, alias=os.readlink(path).encode())
        else:
            data = open(path, "rb").read()
            header(number, 1, parent, name.encode(), info, size=len(data))
            content(number, data)


info = os.lstat(os.path.join(TREE, "etc/passwd"))
if HISTORY:
    header(300, 1, ROOT, b"first", info, 5)
    content(300, b"first")
    header(301, 1, ROOT, b"deleted", info, 4)
    content(301, b"gone")
    header(302, 1, ROOT, b"shrunk", info, 3 * PAGE)
    content(302, b"s" * 3 * PAGE)
    header(303, 1, ROOT, b"shadowed", info, 6)
    content(303, b"before")
    header(304, 4, ROOT, b"link", info, equivalent=300)
    sequence += 2
    header(301, 1, UNLINKED, b"unlinked", info, 4)
    header(301, 1, DELETED, b"deleted", info, 0)
    header(302, 1, ROOT, b"shrunk", info, 10, shrink=1)
    chunk(b"S" * 10, 302, 1, 10)
    header(302, 1, ROOT, b"shrunk", info, 2 * PAGE)
    header(305, 1, ROOT, b"new", info, 5)
    content(305, b"after")
    header(305, 1, ROOT, b"shadowed", info, 5, shadows=303)
    out.write(b"\xff" * (PAGE + SPARE) * 3)
    sequence -= 1
    content(300, b"older" if OFFSET == "one" else b"newer")
    header(306, 5, ROOT, b"pipe", os.stat_result((0o10644,) + (0,) * 9))
else:
    tree(TREE, ROOT, iter(range(257, 100_000)))
