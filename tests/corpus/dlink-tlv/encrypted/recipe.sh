# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - root.img "$OUT" encrypted <<'END'
import hashlib, hmac, struct, subprocess, sys
data = open(sys.argv[1], "rb").read()
model, board = b"DIR-842", b"WRG-AC65"
if sys.argv[3] == "encrypted":
    key = hmac.new(board, model, "sha1").hexdigest()
    data = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-md", "md5", "-pass", "pass:" + key],
        input=data, capture_output=True, check=True).stdout
digest = hashlib.md5(data).hexdigest().encode()
head = b"\x64\x80\x19\x40" + model.ljust(32, b"\0") + board.ljust(32, b"\0") + bytes(8) + digest
open(sys.argv[2], "wb").write(head + struct.pack("<II", 1, len(data)) + data)
END
