# SPDX-License-Identifier: Apache-2.0
truncate -s 4M "$OUT"
sfdisk -q "$OUT" <<END
label: gpt
first-lba: 34
start=64, size=128, name="u-boot/spl"
start=2048, size=100, name=rootfs
start=4096, size=1000
END
printf 'in the gap' | dd of="$OUT" bs=512 seek=1024 conv=notrunc status=none
