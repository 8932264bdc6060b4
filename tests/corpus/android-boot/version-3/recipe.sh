# SPDX-License-Identifier: Apache-2.0
head -c 6000 "$TREE/lib/text.txt" > kernel; head -c 3000 "$TREE/lib/block.bin" > ramdisk; mkbootimg --header_version 3 --kernel kernel --ramdisk ramdisk --cmdline "quiet" --os_version 12.0.0 --os_patch_level 2022-01 -o "$OUT"
