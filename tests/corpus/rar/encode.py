# SPDX-License-Identifier: Apache-2.0
"""Writes RAR archives of stored entries: no free tool does. Layout as RARLAB documents it.

encode.py 4|5|sealed OUT TREE NAME...
"""

import os
import stat
import struct
import sys
import zlib


def number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def block5(kind, body, extra=b"", data=b""):
    flags = (1 if extra else 0) | (2 if data else 0)
    header = number(kind) + number(flags)
    header += number(len(extra)) if extra else b""
    header += number(len(data)) if data else b""
    header += body + extra
    sized = number(len(header)) + header
    return struct.pack("<I", zlib.crc32(sized)) + sized + data


def entry5(name, info, content, target):
    folder = stat.S_ISDIR(info.st_mode)
    body = number((1 if folder else 0) | 2 | 4) + number(len(content)) + number(info.st_mode)
    body += struct.pack("<II", 1_700_000_000, zlib.crc32(content)) + number(0) + number(1)
    body += number(len(name)) + name
    extra = b""
    if target is not None:
        record = number(5) + number(1) + number(0) + number(len(target)) + target
        extra = number(len(record)) + record
    return block5(2, body, extra, content)


def block4(kind, flags, body, data=b""):
    header = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(header) & 0xFFFF) + header + data


def entry4(name, info, content, target):
    content = target if target is not None else content
    flags = 0x8000 | (0xE0 if stat.S_ISDIR(info.st_mode) else 0)
    sizes = struct.pack("<II", len(content), len(content))
    fixed = struct.pack("<BIIBBHI", 3, zlib.crc32(content), 0x576C4000, 20, 0x30, len(name), info.st_mode)
    return block4(0x74, flags, sizes + fixed + name, content)


def main():
    version, out, tree, names = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    if version == "4":
        image, entry = b"Rar!\x1a\x07\x00" + block4(0x73, 0, bytes(6)), entry4
        end = block4(0x7B, 0x4000, b"")
    elif version == "sealed":
        image, entry, names = b"Rar!\x1a\x07\x00" + block4(0x73, 0x80, bytes(6)), entry4, []
        end = bytes(range(64))
    else:
        image, entry = b"Rar!\x1a\x07\x01\x00" + block5(1, number(0)), entry5
        end = block5(5, number(0))
    for name in names:
        path = os.path.join(tree, name)
        info = os.lstat(path)
        target = os.readlink(path).encode() if stat.S_ISLNK(info.st_mode) else None
        content = open(path, "rb").read() if stat.S_ISREG(info.st_mode) else b""
        image += entry(name.encode(), info, content, target)
    open(out, "wb").write(image + end)


main()
