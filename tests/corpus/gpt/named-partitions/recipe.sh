# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -d "$TREE" root.ext4 12M
debugfs -w -R "rmdir lost+found" root.ext4
truncate -s 20M "$OUT"
sfdisk -q "$OUT" <<END
label: gpt
first-lba: 34
start=64, size=128, name="u-boot/spl"
start=2048, size=24576, name=rootfs
start=28672, size=1000
END
dd if=root.ext4 of="$OUT" bs=512 seek=2048 conv=notrunc status=none
echo 'text that follows' >> "$OUT"
