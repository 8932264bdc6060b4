# SPDX-License-Identifier: Apache-2.0
xz --format=lzma -c < "$TREE/usr/share/large.bin" > stream
python3 - stream "$OUT" <<'END'
import sys
image = bytearray(b"\x30\x05\x11\x20" + open(sys.argv[1], "rb").read())
image[4 + 0] = 0x5D
# A dictionary of 8 MiB and a length make the four bytes that mark the format.
image[5:9] = bytes([0, 0, 0x80, 0])
image[9:17] = (512345).to_bytes(8, "little")
block = image[4:36]
for at in range(0, 32, 2):
    a, b = ((x >> 4 | x << 4) & 0xFF for x in block[at:at + 2])
    block[at:at + 2] = bytes([b, a])
image[4:36], image[0x68:0x88] = image[0x68:0x88], block
open(sys.argv[2], "wb").write(image)
END
