# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -d "$TREE" root.ext4 4M
debugfs -w -R "rmdir lost+found" root.ext4
truncate -s 12M "$OUT"
sfdisk -q "$OUT" <<END
label: dos
start=2048, size=4096, type=c
start=8192, size=14336, type=f
start=10240, size=8192, type=83
start=20480, size=1024, type=82
END
printf 'boot loader in the gap' | dd of="$OUT" bs=512 seek=16 conv=notrunc status=none
dd if=root.ext4 of="$OUT" bs=512 seek=10240 conv=notrunc status=none
