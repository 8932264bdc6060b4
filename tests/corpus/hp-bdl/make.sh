# SPDX-License-Identifier: Apache-2.0
# make.sh, for WHAT: a bundle, or its package with a damaged file.
python3 - "$TREE/lib/text.txt" "$OUT" "$WHAT" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
files = [(b"kernel", data[:3000]), (b"rootfs", data[7:2000])]
text = lambda value: value.ljust(256, b"\0")
at = 1056 + 276 * len(files)
table = body = b""
for name, content in files:
    table += text(name) + struct.pack("<QQI", at + len(body), len(content), zlib.crc32(content))
    body += content
ipkg = struct.pack("<4sHHIIIIII", b"ipkg", 1, 3, 1056, 0, len(files), 0, 0, 0)
ipkg += text(b"1.0") + text(b"LaserJet") + text(b"base") + text(b"signature") + table + body
if sys.argv[3] == "package":
    open(sys.argv[2], "wb").write(ipkg[:-1] + bytes([ipkg[-1] ^ 1]))
    sys.exit()
bdl = struct.pack("<4sHHIIIIII", b"ibdl", 1, 1, 1321, 0, 1, 0, 0, 0)
bdl += text(b"2024.1") + text(b"HP") + text(b"M404") + bytes(9) + text(b"002_2411") + text(b"r7")
bdl += struct.pack("<QQ", 1321 + 16, len(ipkg)) + ipkg
open(sys.argv[2], "wb").write(bdl)
END
