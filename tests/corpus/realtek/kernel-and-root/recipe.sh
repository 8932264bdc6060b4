# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import struct, sys
kernel, root = open(sys.argv[1], "rb").read()[:3000], open(sys.argv[2], "rb").read()
def image(magic, memory, flash, data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data)) & 0xffff
    data += struct.pack(">H", -total & 0xffff)
    return struct.pack(">4sIII", magic, memory, flash, len(data)) + data
open(sys.argv[3], "wb").write(image(b"cs6c", 0x80500000, 0x30000, kernel) + image(b"r6cr", 0x130000, 0x130000, root))
END
