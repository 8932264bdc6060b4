# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - root.img "$OUT" <<'END'
import os, struct, subprocess, sys
plain, block = open(sys.argv[1], "rb").read(), 0x10000
key = b"c5f8a1e22f808abc84f2e4a6fa5f10bb"
cipher = b""
for at in range(0, len(plain), block):
    iv = bytes((at >> 16) + i & 0xff for i in range(16))
    cipher += iv + subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex()],
        input=plain[at:at + block], capture_output=True, check=True).stdout
def header(size):
    head = bytearray(0x50)
    head[:3] = b"DLK"
    head[0x10:0x14] = struct.pack("<I", block)
    head[0x2c:0x30] = struct.pack("<I", size)
    return bytes(head)
open(sys.argv[2], "wb").write(header(256) + bytes(range(256)) + header(len(cipher)) + cipher)
END
