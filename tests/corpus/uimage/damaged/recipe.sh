# SPDX-License-Identifier: Apache-2.0
head -c 60000 "$TREE/lib/text.txt" > kernel; SOURCE_DATE_EPOCH=1000000000 mkimage -A arm -O linux -T standalone -C none -n damaged -d kernel image > /dev/null; printf X | dd of=image bs=1 seek=1000 conv=notrunc status=none; cp image "$OUT"
