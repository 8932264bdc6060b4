# SPDX-License-Identifier: Apache-2.0
# dump.py IMAGE OUT PAGE SPARE CODE: what a programmer reads from a NAND chip that holds IMAGE. CODE is
# "hamming:C,C,..." with the column of each byte of the code (ecc-sw-hamming.c of Linux), or "bch" for
# the code of a controller, for which a digest stands here. The second block is bad, a bit is wrong.
import hashlib, sys
image, page, spare, code = open(sys.argv[1], "rb").read(), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
pages_per_block = 32 if page == 512 else 64
def parity(n): return bin(n).count("1") & 1
def hamming(data):
    column = rows = total = 0
    for index, byte in enumerate(data):
        column ^= byte
        if parity(byte):
            rows, total = rows ^ index, total ^ 1
    lines = sum(((rows >> bit & 1) << 2 * bit + 1) | (((rows >> bit & 1) ^ total) << 2 * bit) for bit in range(8))
    bits = sum(parity(column & mask) << 7 - i for i, mask in enumerate([0xF0, 0x0F, 0xCC, 0x33, 0xAA, 0x55]))
    return [~lines >> 8 & 255, ~lines & 255, ~bits & 255]
def oob(data):
    out = bytearray(b"\xff" * spare)
    if data.strip(b"\xff") == b"":
        return out
    if code == "bch":
        digest = hashlib.shake_128(data).digest(28)
        out[spare - 28:] = digest
        return out
    columns = [int(c) for c in code.split(":")[1].split(",")]
    values = [v for at in range(0, page, 256) for v in hamming(data[at:at + 256])]
    for column, value in zip(columns, values):
        out[column] = value
    return out
block = page * pages_per_block
image += b"\xff" * (-len(image) % block) + b"\xff" * block
dump = bytearray()
for at in range(0, len(image), block):
    if at == block:
        marker = bytearray(b"\xff" * spare)
        marker[5 if page == 512 else 0] = 0
        dump += (bytes(page) + marker) * pages_per_block
    for start in range(at, at + block, page):
        data = image[start:start + page]
        dump += data + oob(data)
if code != "bch":
    dump[3 * (page + spare) + 77] ^= 4
open(sys.argv[2], "wb").write(dump)
