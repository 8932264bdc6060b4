# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()[:5000]
chunks = [data[i:i + 256] for i in range(0, len(data), 256)]
blocks = b"".join(struct.pack("<8I476sI", 0x0a324655, 0x9e5d5157, 0x2000, 0x10000000 + i * 256, len(c), i, len(chunks), 0xe48bff56, c, 0x0ab16f30)
    for i, c in enumerate(chunks))
open(sys.argv[2], "wb").write(blocks)
END
