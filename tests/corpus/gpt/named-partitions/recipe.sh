# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -d "$TREE" root.ext4 4M
debugfs -w -R "rmdir lost+found" root.ext4
truncate -s 8M "$OUT"
sfdisk -q "$OUT" <<END
label: gpt
first-lba: 34
start=64, size=128, name="u-boot/spl"
start=2048, size=8192, name=rootfs
start=12288, size=1000
END
dd if=root.ext4 of="$OUT" bs=512 seek=2048 conv=notrunc status=none
echo 'text that follows' >> "$OUT"
