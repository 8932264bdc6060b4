# SPDX-License-Identifier: Apache-2.0
head -c 6000 "$TREE/lib/text.txt" > kernel; head -c 3000 "$TREE/lib/block.bin" > ramdisk; printf "a device tree" > dtb; mkbootimg --header_version 2 --kernel kernel --ramdisk ramdisk --dtb dtb --cmdline "console=ttyS0 root=/dev/ram" --board sample --os_version 10.0.0 --os_patch_level 2020-05 --pagesize 2048 -o "$OUT"
