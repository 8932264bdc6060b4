# SPDX-License-Identifier: Apache-2.0
"""Makes a flash dump of a UBI image: blocks in another order, an older and a torn copy of one, a
bad block, erased blocks, another UBI image and other data behind it."""
import struct
import sys
import zlib

PEB = 131072
image = open(sys.argv[1], "rb").read()
blocks = [image[at:at + PEB] for at in range(0, len(image), PEB)]


def volume_header(block, sequence, copy=0):
    header = bytearray(block[2048:2112])
    struct.pack_into(">Q", header, 40, sequence)
    header[6] = copy
    struct.pack_into(">I", header, 20, 4096 * copy)
    struct.pack_into(">I", header, 60, zlib.crc32(header[:60]) ^ 0xFFFFFFFF)
    return block[:2048] + bytes(header) + block[2112:]


first = next(block for block in blocks if block[2056:2064] == bytes(8))
old = first[:4096] + b"old content!" * 100
old += b"\xff" * (PEB - len(old))
position = blocks.index(first)
blocks[position] = volume_header(first, 5)
torn = volume_header(old, 6, copy=1)
dump = blocks[:1] + [old, torn] + blocks[:0:-1]
erased = [blocks[0][:2048] + b"\xff" * (PEB - 2048)] * 2
dump = dump[:1] + [bytes(PEB)] + dump[1:] + erased
other = open(sys.argv[2], "rb").read()
open(sys.argv[1], "wb").write(b"".join(dump) + other + b"text that follows\n" * 8)
