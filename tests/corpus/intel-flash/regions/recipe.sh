# SPDX-License-Identifier: Apache-2.0
# A flash with three regions in use, two that are not, and a stretch in no region.
head -c 3000 "$TREE/bin/busybox" > bios
python3 - bios "$OUT" <<'END'
import struct, sys
bios = open(sys.argv[1], "rb").read()
flash = bytearray(b"\xff" * 0x8000)
flash[16:32] = struct.pack("<IIII", 0x0FF0A55A, 0x02040003, 0x12100206, 0x00210120)
region = lambda first, last: first >> 12 | (last >> 12) << 16
flash[0x40:0x54] = struct.pack("<IIIII", region(0, 0xFFF), region(0x4000, 0x7FFF), region(0x1000, 0x2FFF), 0x7FFF, 0x7FFF)
flash[0x1000:0x1010] = b"management engin"
flash[0x3800:0x3804] = b"gap!"
flash[0x4000:0x4000 + len(bios)] = bios
open(sys.argv[2], "wb").write(flash)
END
