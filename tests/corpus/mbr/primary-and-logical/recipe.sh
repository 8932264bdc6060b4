# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -d "$TREE" root.ext4 12M
debugfs -w -R "rmdir lost+found" root.ext4
truncate -s 40M "$OUT"
sfdisk -q "$OUT" <<END
label: dos
start=2048, size=4096, type=c
start=8192, size=40960, type=f
start=10240, size=24576, type=83
start=36864, size=2048, type=82
END
printf 'boot loader in the gap' | dd of="$OUT" bs=512 seek=16 conv=notrunc status=none
dd if=root.ext4 of="$OUT" bs=512 seek=10240 conv=notrunc status=none
