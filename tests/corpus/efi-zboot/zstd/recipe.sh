# SPDX-License-Identifier: Apache-2.0
cat "$TREE/lib/block.bin" "$TREE/lib/text.txt" > vmlinux
zstd -q -19 -c < vmlinux > stream
python3 - stream "$OUT" <<'END'
import struct, sys
stream = open(sys.argv[1], "rb").read() + struct.pack("<I", 531072)
head = struct.pack("<2s2x4sII8x32s", b"MZ", b"zimg", 0x1000, len(stream), b"zstd22")
open(sys.argv[2], "wb").write(head.ljust(0x1000, b"\x90") + stream)
END
