# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
python3 - "$TREE/lib/text.txt" root.img "$OUT" <<'END'
import struct, sys
first, second = open(sys.argv[1], "rb").read()[:5000], open(sys.argv[2], "rb").read()
open(sys.argv[3], "wb").write(struct.pack("<4sIIII", b"BNEG", 1, 1, len(first), len(second)) + first + second)
END
