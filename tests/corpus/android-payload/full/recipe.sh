# SPDX-License-Identifier: Apache-2.0
# A full update as the build system makes it: one partition in runs of blocks, each replaced as it is
# smallest, and one of zeros with a block of text.
mksquashfs "$TREE" system.img -noappend -no-progress -all-root -comp gzip > log
truncate -s %4096 system.img
python3 - "$OUT" <<'END'
import bz2, hashlib, lzma, struct, sys
def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])
def number(field, n): return varint(field << 3) + varint(n)
def message(field, b): return varint(field << 3 | 2) + varint(len(b)) + b
data = b""
def operation(kind, payload, first, count):
    global data
    op = number(1, kind)
    if payload is not None:
        op += number(2, len(data)) + number(3, len(payload))
        data += payload
    op += message(6, number(1, first) + number(2, count))
    if payload is not None:
        op += message(8, hashlib.sha256(payload).digest())
    return message(8, op)
def partition(name, content, operations):
    info = number(1, len(content)) + message(2, hashlib.sha256(content).digest())
    return message(13, message(1, name) + message(7, info) + operations)
system = open("system.img", "rb").read()
ops, step = b"", 16
for index, first in enumerate(range(0, len(system) // 4096, step)):
    run = system[first * 4096:(first + step) * 4096]
    kind, payload = [(0, run), (1, bz2.compress(run)), (8, lzma.compress(run))][index % 3]
    ops += operation(kind, payload, first, len(run) // 4096)
note = b"slot".ljust(4096, b" ")
manifest = number(3, 4096) + number(12, 0)
manifest += partition(b"system", system, ops)
manifest += partition(b"misc", note + bytes(8192), operation(0, note, 0, 1) + operation(6, None, 1, 2))
header = b"CrAU" + struct.pack(">QQI", 2, len(manifest), 5)
open(sys.argv[1], "wb").write(header + manifest + b"signd" + data)
END
