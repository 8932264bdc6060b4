# SPDX-License-Identifier: Apache-2.0
# One byte of the first data block is wrong: the file whose block it is stays out, nothing else.
mkdir -m 755 t
seq 1 30000 > t/damaged
seq 1 40000 > t/whole
echo small > t/small
chmod 644 t/*
mksquashfs t "$OUT" -noappend -no-progress -all-root -root-mode 755 -processors 1 -b 128K -no-fragments
printf '\xff\xff\xff\xff' | dd of="$OUT" bs=1 seek=10000 conv=notrunc status=none
