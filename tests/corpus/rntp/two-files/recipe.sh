# SPDX-License-Identifier: Apache-2.0
xz --format=lzma -c < "$TREE/lib/text.txt" > stream
python3 - stream "$OUT" <<'END'
import struct, sys
stream = open(sys.argv[1], "rb").read()
lzma = b"RNTP2.00:0".ljust(32, b"\0") + stream
plain = b"a plain file"
offset = 0x30 + 2 * 32
entries = struct.pack("<16sIIII", b"CLI_FILE", offset, len(lzma), 0x200, 0)
entries += struct.pack("<16sIIII", b"DATETIME", offset + len(lzma), len(plain), 0, 0)
head = b"RNTP1.01".ljust(0x18, b"\1") + b"PACK" + struct.pack("<5I", 0, 2, 16, 0, 0)
open(sys.argv[2], "wb").write(head + entries + lzma + plain)
END
