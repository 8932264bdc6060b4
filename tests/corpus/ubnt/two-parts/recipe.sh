# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
def part(name, content, index):
    head = struct.pack(">4s16s12x6I", b"PART", name, 0x80041000, index, 0xBE030000, 0, len(content), len(content) + 4096)
    body = head + content
    return body + struct.pack(">II", zlib.crc32(body), 0)
head = struct.pack(">4s256s", b"OPEN", b"XS2.ar2316.sample")
image = head + struct.pack(">II", zlib.crc32(head), 0)
image += part(b"kernel", data[:5000], 1) + part(b"rootfs", data[5000:9000], 2)
image += b"END." + struct.pack(">II", zlib.crc32(image), 0)
open(sys.argv[2], "wb").write(image)
END
