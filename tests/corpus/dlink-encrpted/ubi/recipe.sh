# SPDX-License-Identifier: Apache-2.0
# A block of 128 KiB of UBI (its header only matters here), and a shorter one.
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import struct, subprocess, sys
data = open(sys.argv[1], "rb").read()
key, iv = b"he9-4+M!)d6=m~we1,q2a3d1n&2*Z^%8", b"J%1iQl8$=lm-;8AE"
ubi = b"UBI#\x01" + bytes(11)
blocks = [(ubi + data[:3000] * 50)[:0x20000], (ubi + data[5:4000])[:4000 // 16 * 16]]
cipher = b""
for block in blocks:
    cipher += subprocess.run(["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", key.hex(), "-iv", iv.hex()],
        input=block, capture_output=True, check=True).stdout
open(sys.argv[2], "wb").write(b"encrpted_img" + struct.pack(">I", len(cipher)) + cipher)
END
