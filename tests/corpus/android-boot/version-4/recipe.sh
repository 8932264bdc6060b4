# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
pages = lambda content: content.ljust((len(content) + 4095) // 4096 * 4096, b"\0")
kernel, ramdisk, signature = data[:6000], data[6000:9000], b"signature"
head = struct.pack("<8sIIII16xI1536sI", b"ANDROID!", len(kernel), len(ramdisk), 12 << 25 | 22 << 4 | 1, 1584, 4, b"quiet", len(signature))
open(sys.argv[2], "wb").write(pages(head) + pages(kernel) + pages(ramdisk) + pages(signature))
END
