# SPDX-License-Identifier: Apache-2.0
python3 - "$OUT" <<'END'
import struct, sys
head = struct.pack(">4sIQQQ16sQQQQIIIIIHHHH12sB", b"XFSB", 4096, 4, 0, 0, bytes(16), 0, 128, 129, 130, 1, 4, 1, 0, 10, 0xb4a5, 512, 512, 8, b"data", 12)
open(sys.argv[1], "wb").write(head.ljust(16384, b"\0"))
END
