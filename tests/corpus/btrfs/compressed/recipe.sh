# SPDX-License-Identifier: Apache-2.0
# Only a mounted volume compresses: three extents that the tool wrote are replaced by compressed ones.
mkdir tree
python3 - <<'END'
for name in ["zlib", "zstd"]:
    text = b"".join(b"%s line %d\n" % (name.encode(), number) for number in range(9000))
    open("tree/" + name, "wb").write(text[:65536])
pages = [(b"page %d " % number).ljust(64, b".") * 64 for number in range(16)]
open("tree/lzo", "wb").write(b"".join(pages))
END
zstd -q tree/zstd -o packed.zst
chmod 755 tree
chmod 644 tree/*
truncate -s 24M volume
mkfs.btrfs -q -M --rootdir tree volume > log
python3 - "$OUT" <<'END'
import struct, sys, zlib
volume = bytearray(open("volume", "rb").read())
def lzo(data):
    out = bytearray(4)
    for at in range(0, len(data), 4096):
        # 64 literals, a match of 33 + 15 * 255 + 174 bytes at distance 64, the end mark.
        page = bytes([17 + 64]) + data[at:at + 64] + b"\x20" + bytes(15) + b"\xae" + struct.pack("<H", 63 << 2) + b"\x11\0\0"
        out += struct.pack("<I", len(page)) + page
    out[:4] = struct.pack("<I", len(out))
    return bytes(out)
methods = {"zlib": (1, zlib.compress), "lzo": (2, lzo), "zstd": (3, lambda data: open("packed.zst", "rb").read())}
item = struct.pack("<QBBHB", 65536, 0, 0, 0, 1)
items, at = {}, volume.find(item)
while at >= 0:
    items.setdefault(struct.unpack_from("<Q", volume, at + len(item))[0], []).append(at)
    at = volume.find(item, at + 1)
data = {name: open("tree/" + name, "rb").read() for name in methods}
places = {name: volume.find(content) for name, content in data.items()}
assert len(items) == 3 and min(places.values()) > 0
# Chunks are mapped as a whole: the order of the logical addresses is that of the places.
for name, logical in zip(sorted(places, key=places.get), sorted(items)):
    code, compress = methods[name]
    packed = compress(data[name])
    volume[places[name]:places[name] + 65536] = packed.ljust(65536, b"\0")
    for at in items[logical]:
        volume[at + 8] = code
        struct.pack_into("<Q", volume, at + len(item) + 8, -(-len(packed) // 4096) * 4096)
data = volume.rstrip(b"\0")
open(sys.argv[1], "wb").write(data + bytes(-len(data) % 4096))
END
