# SPDX-License-Identifier: Apache-2.0
# Sum of the bytes and sum of the sums, both folded to 16 bits.
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import struct, sys
kernel = open(sys.argv[1], "rb").read()[:3000]
root = open(sys.argv[2], "rb").read()
def checksum(data):
    first = second = 0
    for byte in data:
        first = (first + byte) & 0xffffffff
        second = (second + first) & 0xffffffff
    fold = lambda s: ((((s & 0xffff) + (s >> 16)) >> 16) + (s & 0xffff) + (s >> 16)) & 0xffff
    return fold(second) << 16 | fold(first)
board = b"U12H127T00_NETGEAR"
def header(own):
    return struct.pack(">4sI8s6I", b"*#$^", 40 + len(board), b"\1\1\0\2\x21\0\0\x05",
        checksum(kernel), checksum(root), len(kernel), len(root), checksum(kernel + root), own) + board
open(sys.argv[3], "wb").write(header(checksum(header(0))) + kernel + root)
END
