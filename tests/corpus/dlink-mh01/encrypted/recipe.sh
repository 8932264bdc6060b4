# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
cat > mh01.py <<'END'
import struct, subprocess, sys
plain, iv = open(sys.argv[1], "rb").read(), bytes(range(100, 116))
def wrap(data):
    text = iv.hex().encode() + b"\n"
    signature = bytes(range(256))
    second = struct.pack("<4sIII", b"MH01", len(text), len(data), 0) + text + data
    return struct.pack("<4sIII", b"MH01", len(second), len(signature), 0) + second + signature
inner = wrap(plain)
salted = subprocess.run(["openssl", "enc", "-aes-128-cbc", "-md", "sha256", "-pass", "pass:6276ccf4c1d8d6f54b481095e78ff97f", "-iv", iv.hex(), "-S", "0011223344556677"],
    input=inner, capture_output=True, check=True).stdout
if not salted.startswith(b"Salted__"):
    salted = b"Salted__" + bytes.fromhex("0011223344556677") + salted
open(sys.argv[2], "wb").write(wrap(salted))
END
python3 mh01.py root.img "$OUT"
