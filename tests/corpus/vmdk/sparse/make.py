# SPDX-License-Identifier: Apache-2.0
"""Writes a sparse VMDK of a disk, with plain or (argument `stream`) compressed grains."""
import struct
import sys
import zlib

disk, stream = open(sys.argv[1], "rb").read(), sys.argv[3:] == ["stream"]
GRAIN, PER_TABLE = 16 * 512, 64
grains = [disk[at:at + GRAIN] for at in range(0, len(disk), GRAIN)]
tables = -(-len(grains) // PER_TABLE)
image = bytearray(1024)


def store(data):
    at = len(image) // 512
    image.extend(data + bytes(-len(data) % 512))
    return at


entries = []
for index, grain in enumerate(grains):
    if not any(grain):
        entries.append(index % 2)
    elif stream:
        data = zlib.compress(grain)
        entries.append(store(struct.pack("<QI", index * 16, len(data)) + data))
    else:
        entries.append(store(grain))
entries += [0] * (-len(entries) % PER_TABLE)
starts = [store(struct.pack(f"<{PER_TABLE}I", *entries[at:at + PER_TABLE]))
          for at in range(0, len(entries), PER_TABLE)]
directory = store(struct.pack(f"<{tables}I", *starts))


def header(place):
    flags = 0x30001 if stream else 1
    return struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 3 if stream else 1, flags, len(disk) // 512, 16,
                       0, 0, PER_TABLE, 0, place, 0, 0, b"\n \r\n", 1 if stream else 0).ljust(512, b"\0")


if stream:
    image[:512] = header(2**64 - 1)
    image.extend(header(directory) + bytes(512))
else:
    image[:512] = header(directory)
open(sys.argv[2], "wb").write(image)
