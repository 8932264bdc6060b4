# SPDX-License-Identifier: Apache-2.0
"""Packs a tree as squashfs in forms that no tool of Debian writes: versions 1 to 3, big-endian
version 4, LZMA as vendors store it. Written from the format's description in crates/unpack.

    encode.py VERSION ORDER CODEC TREE OUT [MAGIC]

ORDER: little, big, avm (big with little-endian lengths of metadata blocks).
CODEC: zlib, raw (LZMA without header), raw:LC,LP,PB, five, nine, thirteen (bytes of LZMA header),
four (DD-WRT).
"""

import lzma
import os
import stat
import struct
import sys
import zlib

BLOCK_LOG = 15
BLOCK = 1 << BLOCK_LOG
META = 8192


class Fields:
    """A C structure with bit fields: from the low bit up, or from the high bit down."""

    def __init__(self, big):
        self.big, self.items = big, []

    def put(self, value, bits):
        self.items.append((value & ((1 << bits) - 1), bits))
        return self

    def bytes(self):
        total = sum(bits for _, bits in self.items)
        whole = 0
        if self.big:
            for value, bits in self.items:
                whole = whole << bits | value
            whole <<= -total % 8
            return whole.to_bytes((total + 7) // 8, "big")
        at = 0
        for value, bits in self.items:
            whole |= value << at
            at += bits
        return whole.to_bytes((total + 7) // 8, "little")


class Codec:
    def __init__(self, name):
        self.name, _, parameters = name.partition(":")
        self.lc, self.lp, self.pb = map(int, (parameters or "3,0,2").split(","))

    def pack(self, data):
        if self.name == "zlib":
            return zlib.compress(data, 9)
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16,
                    "lc": self.lc, "lp": self.lp, "pb": self.pb}]
        stream = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
        head = struct.pack("<BI", (self.pb * 5 + self.lp) * 9 + self.lc, 1 << 16)
        return {
            "raw": b"",
            "five": head,
            "nine": head + struct.pack("<I", len(data)),
            "thirteen": head + struct.pack("<Q", len(data)),
            "four": bytes([self.pb, self.lc, self.lp, 128]),
        }[self.name] + stream


class Metadata:
    """A chain of metadata blocks."""

    def __init__(self, image):
        self.image, self.out, self.rest = image, b"", b""

    def place(self):
        return len(self.out), len(self.rest)

    def add(self, data):
        self.rest += data
        while len(self.rest) >= META:
            self.flush(META)

    def flush(self, size):
        block, self.rest = self.rest[:size], self.rest[size:]
        self.out += self.image.metadata_block(block)

    def finish(self):
        if self.rest:
            self.flush(META)
        return self.out


class Image:
    def __init__(self, version, order, codec, magic):
        self.version, self.big, self.codec = version, order != "little", Codec(codec)
        self.length_order = ">" if order == "big" else "<"
        self.order = ">" if self.big else "<"
        self.magic = magic or ("sqsh" if self.big else "hsqs")
        self.size = {1: 51, 2: 63, 3: 119, 4: 96}[version]
        self.data = bytearray(self.size)
        self.inodes, self.directories = Metadata(self), Metadata(self)
        self.fragments, self.fragment = [], b""
        self.count = 0

    def fields(self):
        return Fields(self.big)

    def metadata_block(self, block):
        packed = self.codec.pack(block)
        flag = 0
        if len(packed) >= len(block):
            packed, flag = block, 0x8000
        return struct.pack(self.length_order + "H", len(packed) | flag) + packed

    def data_block(self, block):
        """Appends a block and returns its length word: bit 24 (bit 15 in version 1) for raw."""
        if self.version > 1 and not block.strip(b"\0") and len(block) == BLOCK:
            return 0
        packed = self.codec.pack(block)
        flag = 0
        if len(packed) >= len(block):
            packed, flag = block, 1 << (15 if self.version == 1 else 24)
        self.data += packed
        # Version 1: length 0 stands for 32 KiB.
        return flag | (len(packed) if len(packed) < 0x8000 or self.version > 1 else 0)

    def put_fragment(self, tail):
        if len(self.fragment) + len(tail) > BLOCK:
            self.flush_fragment()
        offset = len(self.fragment)
        self.fragment += tail
        return len(self.fragments), offset

    def flush_fragment(self):
        if self.fragment:
            block, self.fragment = self.fragment, b""
            start = len(self.data)
            length = self.data_block(block + b"\1" * (not block.strip(b"\0")))
            self.fragments.append((start, length))

    def head(self, kind, mode, mtime):
        self.count += 1
        fields = self.fields()
        if self.version == 4:
            return fields.put(kind, 16).put(mode, 16).put(0, 32).put(mtime, 32).put(self.count, 32)
        if self.version == 1:
            if kind in (6, 7):
                return fields.put(0, 4).put(mode, 12).put(0, 4).put(15, 4).put(kind, 4).put(0, 4)
            return fields.put(kind, 4).put(mode, 12).put(0, 4).put(15, 4)
        fields.put(kind, 4).put(mode, 12).put(0, 8).put(255, 8)
        return fields if self.version == 2 else fields.put(mtime, 32).put(self.count, 32)

    def add_inode(self, fields, tail=b""):
        place = self.inodes.place()
        self.inodes.add(fields.bytes() + tail)
        return place, self.count

    def file(self, path, info):
        content = open(path, "rb").read()
        start = len(self.data)
        whole = len(content) // BLOCK * BLOCK if self.version > 1 else len(content)
        words = [self.data_block(content[at:at + BLOCK]) for at in range(0, whole, BLOCK)]
        fragment = (0xffffffff, 0)
        if whole < len(content):
            fragment = self.put_fragment(content[whole:])
        # Large files in the extended form.
        extended = self.version >= 3 and len(words) > 4
        fields = self.head(9 if extended else 2, info.st_mode, int(info.st_mtime))
        size = len(content)
        if self.version == 4:
            if extended:
                fields.put(start, 64).put(size, 64).put(0, 64).put(1, 32)
                fields.put(fragment[0], 32).put(fragment[1], 32).put(0xffffffff, 32)
            else:
                fields.put(start, 32).put(fragment[0], 32).put(fragment[1], 32).put(size, 32)
        elif self.version == 3:
            if extended:
                fields.put(1, 32)
            fields.put(start, 64).put(fragment[0], 32).put(fragment[1], 32)
            fields.put(size, 64 if extended else 32)
        else:
            fields.put(int(info.st_mtime), 32).put(start, 32)
            if self.version == 2:
                fields.put(fragment[0], 32).put(fragment[1], 32)
            fields.put(size, 32)
        width = "H" if self.version == 1 else "I"
        return self.add_inode(fields, struct.pack(f"{self.order}{len(words)}{width}", *words))

    def link(self, path, info):
        target = os.fsencode(os.readlink(path))
        fields = self.head(3, info.st_mode, int(info.st_mtime))
        if self.version >= 3:
            fields.put(1, 32)
        fields.put(len(target), 32 if self.version == 4 else 16)
        return self.add_inode(fields, target)

    def special(self, kind, info):
        fields = self.head(kind, info.st_mode, int(info.st_mtime))
        if self.version >= 3:
            fields.put(1, 32)
        if kind in (4, 5):
            device = os.major(info.st_rdev) << 8 | os.minor(info.st_rdev)
            fields.put(device, 32 if self.version == 4 else 16)
        return self.add_inode(fields)

    def directory(self, path, info):
        entries = []
        for name in sorted(os.listdir(path), key=os.fsencode):
            kind, (place, number) = self.entry(os.path.join(path, name))
            entries.append((os.fsencode(name), kind, place, number))
        start, offset = self.directories.place()
        size = 0
        while entries:
            block, first = entries[0][2][0], entries[0][3]
            group = []
            while entries and len(group) < 256 and entries[0][2][0] == block:
                group.append(entries.pop(0))
            fields = self.fields()
            if self.version == 4:
                fields.put(len(group) - 1, 32).put(block, 32).put(first, 32)
            elif self.version == 3:
                fields.put(len(group) - 1, 8).put(block, 32).put(first, 32)
            else:
                fields.put(len(group) - 1, 8).put(block, 24)
            listing = fields.bytes()
            for name, kind, place, number in group:
                fields = self.fields()
                if self.version == 4:
                    fields.put(place[1], 16).put(number - first, 16).put(kind, 16)
                    fields.put(len(name) - 1, 16)
                else:
                    fields.put(place[1], 13).put(kind, 3).put(len(name) - 1, 8)
                    if self.version == 3:
                        fields.put(number - first, 16)
                listing += fields.bytes() + name
            size += len(listing)
            self.directories.add(listing)
        # Every second directory in the extended form.
        extended = self.version >= 2 and self.count % 2 == 0
        fields = self.head(8 if extended else 1, info.st_mode, int(info.st_mtime))
        if self.version == 4:
            if extended:
                fields.put(2, 32).put(size + 3, 32).put(start, 32).put(0, 32).put(0, 16)
                fields.put(offset, 16).put(0xffffffff, 32)
            else:
                fields.put(start, 32).put(2, 32).put(size + 3, 16).put(offset, 16).put(0, 32)
        elif self.version == 3:
            fields.put(2, 32).put(size + 3, 27 if extended else 19).put(offset, 13)
            fields.put(start, 32)
            if extended:
                fields.put(0, 16)
            fields.put(0, 32)
        else:
            fields.put(size, 27 if extended else 19).put(offset, 13)
            fields.put(int(info.st_mtime), 32).put(start, 24)
            if extended:
                fields.put(0, 16)
        return self.add_inode(fields)

    def entry(self, path):
        info = os.lstat(path)
        mode = info.st_mode
        if stat.S_ISDIR(mode):
            return 1, self.directory(path, info)
        if stat.S_ISREG(mode):
            return 2, self.file(path, info)
        if stat.S_ISLNK(mode):
            return 3, self.link(path, info)
        kinds = {stat.S_IFBLK: 4, stat.S_IFCHR: 5, stat.S_IFIFO: 6, stat.S_IFSOCK: 7}
        kind = kinds[stat.S_IFMT(mode)]
        return kind, self.special(kind, info)

    def table(self, entries, pointer):
        """A table of entries in metadata blocks, then the pointers to them, which it returns."""
        chain, pointers = Metadata(self), []
        base = len(self.data)
        for entry in entries:
            if chain.place()[1] == 0:
                pointers.append(base + chain.place()[0])
            chain.add(entry)
        self.data += chain.finish()
        start = len(self.data)
        self.data += struct.pack(f"{self.order}{len(pointers)}{pointer}", *pointers)
        return start

    def write(self, tree, out):
        _, (root, _) = self.entry(tree)
        self.flush_fragment()
        inode_table = len(self.data)
        self.data += self.inodes.finish()
        directory_table = len(self.data)
        self.data += self.directories.finish()
        wide = self.version >= 3
        entries = [struct.pack(self.order + ("QII" if wide else "II"), *fragment, *([0] if wide else []))
                   for fragment in self.fragments]
        fragment_table = self.table(entries, "Q" if wide else "I") if self.version > 1 else 0
        if self.version == 4:
            ids = self.table([bytes(4)], "Q")
            gids = 0
        else:
            ids = len(self.data)
            self.data += bytes(4)
            gids = 0
        tables = (ids, gids, inode_table, directory_table, fragment_table)
        self.data[:self.size] = self.superblock(root[0] << 16 | root[1], tables)
        open(out, "wb").write(self.data)

    def superblock(self, root, tables):
        ids, gids, inode_table, directory_table, fragment_table = tables
        magic = int.from_bytes(self.magic.encode(), "big" if self.big else "little")
        used = len(self.data)
        fields = self.fields().put(magic, 32).put(self.count, 32)
        if self.version == 4:
            compressor = 1 if self.codec.name == "zlib" else 2
            fields.put(0, 32).put(BLOCK, 32).put(len(self.fragments), 32).put(compressor, 16)
            fields.put(BLOCK_LOG, 16).put(0, 16).put(1, 16).put(4, 16).put(0, 16).put(root, 64)
            fields.put(used, 64).put(ids, 64).put(-1, 64).put(inode_table, 64)
            return fields.put(directory_table, 64).put(fragment_table, 64).put(-1, 64).bytes()
        narrow = (used, ids, gids, inode_table, directory_table) if self.version < 3 else (0,) * 5
        for value in narrow:
            fields.put(value, 32)
        fields.put(self.version, 16).put(0, 16).put(BLOCK if self.version == 1 else 0, 16)
        fields.put(BLOCK_LOG, 16).put(0, 8).put(1, 8).put(0, 8).put(0, 32).put(root, 64)
        if self.version >= 2:
            fields.put(BLOCK, 32).put(len(self.fragments), 32)
            fields.put(fragment_table if self.version == 2 else 0, 32)
        if self.version == 3:
            for value in (used, ids, gids, inode_table, directory_table, fragment_table, -1):
                fields.put(value, 64)
        return fields.bytes()


def main():
    version, order, codec, tree, out, *magic = sys.argv[1:]
    Image(int(version), order, codec, magic[0] if magic else None).write(tree, out)


main()
