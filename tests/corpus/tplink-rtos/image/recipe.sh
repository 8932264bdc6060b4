# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
body = data[:2000]
header = b"IMG0" + struct.pack(">II", 0x80 + len(body), 0x07021101)
header = header.ljust(0x40, b"\0") + struct.pack(">II", 0x80, len(body))
image = header.ljust(0x80, b"\0") + body
open(sys.argv[2], "wb").write(struct.pack(">I", len(image)) + hashlib.md5(image).digest() + image)
END
