# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
import hashlib
def seama(order, magic, meta, content):
    meta = meta + bytes(-len(meta) % 4)
    head = struct.pack(order + "4sHHI", magic, 0, len(meta), len(content))
    return head + (hashlib.md5(content).digest() if content else b"") + meta + content
open(sys.argv[2], "wb").write(seama(">", b"\x5e\xa3\xa4\x17", b"dev=/dev/mtdblock/1\0type=firmware\0", data[:5000]))
END
