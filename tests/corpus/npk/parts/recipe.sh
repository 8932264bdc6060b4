# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
def part(kind, content):
    return struct.pack("<HI", kind, len(content)) + content
parts = part(1, b"sample".ljust(16, b"\0") + bytes(20)) + part(16, b"mipsbe") + part(2, b"A sample package.")
parts += part(4, zlib.compress(data[:5000], 9)) + part(9, bytes(68))
open(sys.argv[2], "wb").write(struct.pack("<II", 0xBAD0F11E, len(parts)) + parts)
END
