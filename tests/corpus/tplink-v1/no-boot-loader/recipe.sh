# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
SALT = bytes.fromhex("dcd73aa5c39598fbddf9e7f40eae4738")
kernel, rootfs = data[:3000], data[3000:7000]
body = kernel.ljust(4096, b"\xff") + rootfs
length = 512 + len(body)
header = struct.pack(">I24s36sIII16s", 0x01000000, b"TP-LINK Technologies", b"ver. 1.0", 0x08410011, 1, 0, SALT)
header = header.ljust(0x74, b"\0")
header += struct.pack(">9I", 0x80002000, 0x80003000, length, 512, len(kernel), 512 + 4096, len(rootfs), 0, 0)
image = header.ljust(512, b"\0") + body
digest = hashlib.md5(image).digest()
open(sys.argv[2], "wb").write(image[:0x4c] + digest + image[0x5c:])
END
