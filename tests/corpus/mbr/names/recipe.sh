# SPDX-License-Identifier: Apache-2.0
truncate -s 8M "$OUT"
sfdisk -q "$OUT" <<END
label: dos
start=2048, size=4096, type=c
start=8192, size=4096, type=f
start=8300, size=100, type=83
start=8500, size=100, type=82
END
printf 'boot loader in the gap' | dd of="$OUT" bs=512 seek=16 conv=notrunc status=none
