# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
elements = struct.pack("<HI", 0, 2000) + data[:2000] + struct.pack("<HI", 2, 48) + data[:48]
head = struct.pack("<IHHHHHIH32sI", 0x0BEEF11E, 0x0100, 56, 0, 0x117C, 0x1102, 0x10020304, 2, b"sample", 56 + len(elements))
open(sys.argv[2], "wb").write(head + elements)
END
