# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
import hashlib
def seama(order, magic, meta, content):
    meta = meta + bytes(-len(meta) % 4)
    head = struct.pack(order + "4sHHI", magic, 0, len(meta), len(content))
    return head + (hashlib.md5(content).digest() if content else b"") + meta + content
magic = b"\x5e\xa3\xa4\x17"
seal = seama(">", magic, b"signature=wrgac01_sample\0", b"")
open(sys.argv[2], "wb").write(seal + seama(">", magic, b"dev=/dev/mtdblock/1\0", data[:5000]) + seama(">", magic, b"dev=/dev/mtdblock/2\0", data[5000:6000]))
END
