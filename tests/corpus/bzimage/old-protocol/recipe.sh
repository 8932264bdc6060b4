# SPDX-License-Identifier: Apache-2.0
cat "$TREE/lib/block.bin" "$TREE/lib/text.txt" > vmlinux
gzip -9nc < vmlinux > stream
python3 - stream "$OUT" <<'END'
import struct, sys
stream = open(sys.argv[1], "rb").read() + struct.pack("<I", 531072)
setup = bytearray(3 * 512)
setup[0x1F1] = 2
code = b"decompressor".ljust(0x300, b"\x90")
system = code + stream
system += bytes(-len(system) % 16)
struct.pack_into("<I", setup, 0x1F4, len(system) // 16)
struct.pack_into("<H", setup, 0x1FE, 0xAA55)
setup[0x202:0x206] = b"HdrS"
struct.pack_into("<H", setup, 0x206, 0x203)
struct.pack_into("<H", setup, 0x20E, 0x200)
setup[0x400:0x420] = b"5.4.72 (build@host) #1 sample".ljust(32, b"\0")
struct.pack_into("<II", setup, 0x248, len(code), len(stream))
open(sys.argv[2], "wb").write(setup + system)
END
