# SPDX-License-Identifier: Apache-2.0
gzip -n < "$TREE/lib/text.txt" > image.gz
python3 - image.gz "$OUT" 1 <<'END'
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
managed = sys.argv[3] == "1"
model = b"ENS620EXT"
second = struct.pack(">10I", 0x616c6c00, 0, 3, 0, 1, 171101, 1, 8, 53, len(model)) + model if managed else b""
head = struct.pack(">3I16sIII16s32x", 0, 0x0101, 0x67, b"3.0.1", 0 if managed else 4, len(data), 0, hashlib.md5(data).digest())
magic = 0x12345678
total = sum(head) + sum(struct.pack(">I", magic)) + sum(second)
coded = bytes(byte ^ (magic >> (i % 8) & 0xff) for i, byte in enumerate(data))
open(sys.argv[2], "wb").write(head + struct.pack(">II", total, magic) + second + coded)
END
