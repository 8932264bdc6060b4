# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
content = data[:6000]
open(sys.argv[2], "wb").write(b"--PaCkImGs--" + bytes(4) + struct.pack(">I", len(content)) + bytes(12) + content + b"\xff" * 64)
END
