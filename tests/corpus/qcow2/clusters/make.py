# SPDX-License-Identifier: Apache-2.0
"""Writes a qcow2 image of version 3: every third cluster compressed, zeros absent or marked."""
import struct
import sys
import zlib

BITS = 12
CLUSTER = 1 << BITS
disk = open(sys.argv[1], "rb").read()
clusters = [disk[at:at + CLUSTER] for at in range(0, len(disk), CLUSTER)]
per_table = CLUSTER // 8
tables = -(-len(clusters) // per_table)
image = bytearray(CLUSTER * (2 + tables))
struct.pack_into(">4sIQIIQIIQQIIQQQQII", image, 0, b"QFI\xfb", 3, 0, 0, BITS, len(disk), 0, tables,
                 CLUSTER, 0, 0, 0, 0, 0, 0, 0, 4, 104)
for index in range(tables):
    struct.pack_into(">Q", image, CLUSTER + index * 8, 1 << 63 | CLUSTER * (2 + index))


def store(data):
    image.extend(bytes(-len(image) % CLUSTER))
    at = len(image)
    image.extend(data.ljust(CLUSTER, b"\0"))
    return at


for index, cluster in enumerate(clusters):
    if not any(cluster):
        entry = index % 2
    elif index % 3 == 0:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
        data = deflate.compress(cluster) + deflate.flush()
        at = len(image)
        image.extend(data)
        sectors = (at + len(data) - 1) // 512 - at // 512
        entry = 1 << 62 | sectors << 62 - (BITS - 8) | at
    else:
        entry = 1 << 63 | store(cluster)
    struct.pack_into(">Q", image, CLUSTER * 2 + index * 8, entry)
image.extend(bytes(-len(image) % 512))
open(sys.argv[2], "wb").write(image)
