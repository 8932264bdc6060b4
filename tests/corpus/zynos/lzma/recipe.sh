# SPDX-License-Identifier: Apache-2.0
lzma -z -c "$TREE/lib/text.txt" > image.lzma
python3 - image.lzma "$OUT" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
total = 0
for i in range(0, len(data), 2):
    total += int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big")
    if total > 0xffff:
        total = total + 1 & 0xffff
head = struct.pack(">IH3sBIIBBHH15sIIB", 0x94008000, 0, b"SIG", 4, 400000, len(data), 0xa0, 0, 0, total, b"V3.40(AGD.0)", 0, 0, 0)
open(sys.argv[2], "wb").write(head + data)
END
