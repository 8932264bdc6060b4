# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
cat > shrs.py <<'END'
import hashlib, struct, subprocess, sys
plain = open(sys.argv[1], "rb").read()
key, iv = bytes.fromhex("c05fbf1936c99429ce2a0781f08d6ad8"), bytes(range(16))
if len(sys.argv) > 3:
    key = bytes(16)
padded = plain + bytes(16 - len(plain) % 16)
cipher = subprocess.run(["openssl", "enc", "-aes-128-cbc", "-nopad", "-K", key.hex(), "-iv", iv.hex()],
    input=padded, capture_output=True, check=True).stdout
digest = lambda data: hashlib.sha512(data).digest()
head = struct.pack(">4sII", b"SHRS", len(plain), len(cipher)) + iv + digest(plain + key) + digest(plain) + digest(cipher)
open(sys.argv[2], "wb").write(head + bytes(3 * 512) + cipher + b"\0\0\0\0\x30")
END
python3 shrs.py root.img "$OUT" other
