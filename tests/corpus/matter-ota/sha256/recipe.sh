# SPDX-License-Identifier: Apache-2.0
python3 - "$TREE/lib/text.txt" "$OUT" <<'END'
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
payload = data[:3000]
tlv = b"\x15\x25\x00\xf1\xff\x25\x01\x01\x80\x26\x02\x0a\0\0\0\x2c\x03\x041.10"
tlv += b"\x26\x04" + struct.pack("<I", len(payload)) + b"\x24\x08\x01"
tlv += b"\x30\x09\x20" + hashlib.sha256(payload).digest() + b"\x18"
total = 16 + len(tlv) + len(payload)
open(sys.argv[2], "wb").write(struct.pack("<IQI", 0x1BEEF11E, total, len(tlv)) + tlv + payload)
END
