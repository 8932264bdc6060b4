# SPDX-License-Identifier: Apache-2.0
head -c 60000 "$TREE/lib/text.txt" > kernel; printf "a ramdisk" > ramdisk; SOURCE_DATE_EPOCH=1000000000 mkimage -A arm -O linux -T multi -C none -a 0x8000 -e 0x8000 -n several -d kernel:ramdisk:"$TREE/etc/passwd" "$OUT" > /dev/null
