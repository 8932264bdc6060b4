# SPDX-License-Identifier: Apache-2.0
# A sealed image as devices have it: the signature as meta data, and an image behind it.
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import hashlib, struct, subprocess, sys
data = open(sys.argv[1], "rb").read()[:5000]
sign = b"wrgac25_dlink.2013gui_dir850l"
key, iv = b"qQehHMEmEPQ5izL+cabn8bNHZXHjkp6W", b"Mmb+IKQgnO8OuF4b"
mix = lambda text: bytes(byte ^ (i + 1) % 0xfc ^ sign[i % len(sign)] for i, byte in enumerate(text))
def seama(meta, content):
    meta += bytes(-len(meta) % 4)
    head = struct.pack(">4sHHI", b"\x5e\xa3\xa4\x17", 0, len(meta), len(content))
    return head + (hashlib.md5(content).digest() if content else b"") + meta + content
plain = seama(b"signature=" + sign + b"\0", b"") + seama(b"dev=/dev/mtdblock/1\0type=firmware\0", data)
plain += bytes(-len(plain) % 16)
cipher = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", mix(key).hex(), "-iv", mix(iv).hex()],
    input=plain, capture_output=True, check=True).stdout
open(sys.argv[2], "wb").write(cipher)
END
