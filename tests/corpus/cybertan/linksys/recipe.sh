# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
version = 1
count = 3 if version == 1 else 4
header = 16 + 4 * count
parts = [data[:1000], data[1000:5000]] + ([b"third part"] if version == 2 else [])
offsets, body = [], b""
for part in parts:
    offsets.append(header + len(body))
    body += part
offsets += [0] * (count - len(offsets))
rest = struct.pack("<HH%dI" % count, 0, version, *offsets) + body
trx = b"HDR0" + struct.pack("<II", 12 + len(rest), zlib.crc32(rest) ^ 0xFFFFFFFF) + rest
code = b"W54G" + bytes(4) + bytes([8, 5, 24, 4, 20, 6]) + b"U2ND" + bytes(14)
open(sys.argv[2], "wb").write(code + trx)
END
