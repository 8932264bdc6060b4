# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE/etc" root.img -all-root -noappend -quiet -no-progress -mkfs-time 0 -all-time 0 > log
objcopy -I binary -O ihex --change-addresses 0x9f050000 root.img "$OUT"
