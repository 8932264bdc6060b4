# SPDX-License-Identifier: Apache-2.0
mkfs.erofs -T 0 root.img "$TREE" > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import hashlib, struct, sys
data, root = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
files = [(b"package-file", b"SELF", 0, b""), (b"parameter", b"parameter.txt", 2048, data[:500]), (b"rootfs", b"Image/rootfs.img", 4096, root)]
length = 4096 + len(root)
parts = b"".join(struct.pack("<32s60s5I", n, f, 0, at, 0, -(-len(c) // 2048) * 2048, len(c)) for n, f, at, c in files)
head = struct.pack("<4sI34s30s56sIII", b"RKAF", length, b"RK3566", b"id", b"ROCKCHIP", 0, 0x01000000, len(files)) + parts
image = bytearray(head.ljust(length, b"\0"))
for n, f, at, content in files:
    image[at:at + len(content)] = content if content else image[at:at]
def crc(data):
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04c10db7 if value >> 31 else value << 1) & 0xffffffff
    return value
update = bytes(image) + struct.pack("<I", crc(image))
loader = data[3:1003]
head = struct.pack("<4sHIIHBBBBBIIIII", b"RKFW", 0x66, 0x0b000001, 0, 2024, 5, 6, 1, 2, 3, 0x33353636, 0x66, len(loader), 0x66 + len(loader), len(update))
rom = head.ljust(0x66, b"\0") + loader + update
open(sys.argv[3], "wb").write(rom + hashlib.md5(rom).hexdigest().encode())
END
