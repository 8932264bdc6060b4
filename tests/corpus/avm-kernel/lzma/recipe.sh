# SPDX-License-Identifier: Apache-2.0
lzma -z -c "$TREE/lib/text.txt" > kernel.lzma
python3 - kernel.lzma "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, sys, zlib
packed, size = open(sys.argv[1], "rb").read(), len(open(sys.argv[2], "rb").read())
stream = packed[13:]
body = struct.pack("<IIII", 0x075a0201, len(stream), size, zlib.crc32(stream)) + packed[:5] + bytes(3) + stream
record = struct.pack("<II", len(body), 0x94000000) + body
tail = struct.pack("<I", 0x942b2000)
total = -sum(record + tail) & 0xffffffff
open(sys.argv[3], "wb").write(struct.pack("<I", 0xfeed1281) + record + struct.pack("<II", total, 0) + tail)
END
