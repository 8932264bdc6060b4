# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
def blob(name, content):
    return struct.pack("<IIIHH32s", 0xbabe, 0xffffffff, len(content), 4, 0, name) + content + bytes(-len(content) % 4)
blobs = [blob(b"xiaoqiang_version", data[:100]), blob(b"firmware.bin", data[7:4008])]
header, offsets, at = 48, [], 48
for content in blobs:
    offsets.append(at)
    at += len(content)
offsets += [0] * (8 - len(offsets))
rest = struct.pack("<HH8I", 0, 0x0d, *offsets) + b"".join(blobs) + struct.pack("<I12x", 256) + bytes(range(256))
open(sys.argv[2], "wb").write(b"HDR1" + struct.pack("<II", at, zlib.crc32(rest) ^ 0xffffffff) + rest)
END
