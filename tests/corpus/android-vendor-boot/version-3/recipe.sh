# SPDX-License-Identifier: Apache-2.0
head -c 6000 "$TREE/lib/text.txt" > kernel; head -c 3000 "$TREE/lib/block.bin" > ramdisk; printf "a device tree" > dtb; mkbootimg --header_version 3 --vendor_ramdisk ramdisk --dtb dtb --vendor_cmdline "quiet" --board sample --vendor_boot "$OUT"
