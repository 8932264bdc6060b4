# SPDX-License-Identifier: Apache-2.0
tar -C "$TREE" --sort=name --owner=0 --group=0 --mtime=@0 -cf tree.tar lib bin
gzip -n < tree.tar > tree.gz
python3 - tree.gz "$OUT" <<'END'
import struct, sys
plain = open(sys.argv[1], "rb").read()
secret = b"QNAPNASVERSION"
acc = first = second = 0
def table(mixed):
    state = 0
    for i in range(7):
        high, low = secret[2 * i] ^ mixed, secret[2 * i + 1] ^ mixed
        x = state ^ (((high if high < 0x80 else high - 0x101) << 8) + low & 0xffffffff)
        state = 0x4e35 * x + 1 & 0xffff
        yield 0x15a * x & 0xffff, state
count = min(len(plain), 4096)
coded = bytearray()
for byte in plain[:count]:
    key = 0
    for i, (product, state) in enumerate(table(acc)):
        before, first = first, product
        second = first + before + 0x4e35 * (second + i) & 0xffff
        key ^= state ^ second
    coded.append(byte ^ key >> 8 ^ key & 0xff)
    acc ^= byte
footer = struct.pack("<6sI16s16s16s16s", b"icpnas", count, b"TS-439", b"4.2.6", b"20240101", b"0001")
open(sys.argv[2], "wb").write(bytes(coded) + plain[count:] + footer)
END
