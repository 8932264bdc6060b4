# SPDX-License-Identifier: Apache-2.0
gzip -n < "$TREE/lib/text.txt" > image.gz
python3 - image.gz "$OUT" encrypted <<'END'
import hashlib, struct, subprocess, sys
data, order, sign = open(sys.argv[1], "rb").read(), "<", b"wapac02_dkbs_dap2660"
if sys.argv[3] == "encrypted":
    order, data = ">", data + bytes(-len(data) % 16)
    mix = lambda text: bytes(byte ^ (i + 1) % 0xfc ^ sign[i % len(sign)] for i, byte in enumerate(text))
    data = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-nopad", "-K", mix(b"oVhq0hvXHdfaGFLdubM4/QvuVHdKee7v").hex(),
        "-iv", mix(b"0BO5nlYankuVBe4s").hex()], input=data, capture_output=True, check=True).stdout
head = struct.pack("32s8s16s16s16x16s", sign, b"\x21\x03\x08\x20" * 2, b"1.16", b"DAP-2660", b"r001")
head += struct.pack(order + "II32s", len(data), 0, b"/dev/mtdblock/2") + hashlib.md5(data).digest()
open(sys.argv[2], "wb").write(head + data)
END
