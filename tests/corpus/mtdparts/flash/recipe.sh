# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
lzma -z -c "$TREE/lib/text.txt" > kernel.lzma
python3 - kernel.lzma root.img "$OUT" <<'END'
import sys
kernel, root = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()
boot = bytes(i * 11 & 0xff for i in range(3000)) + b"\0bootargs=console=ttyS1 mtdparts=jz_sfc:64k(boot),128k(kernel)ro,-(rootfs) init=/linuxrc\0"
pad = lambda data, size: data.ljust(size, b"\xff")
open(sys.argv[3], "wb").write(pad(boot, 0x10000) + pad(kernel, 0x20000) + pad(root, 0x100000 - 0x30000))
END
