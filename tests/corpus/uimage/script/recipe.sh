# SPDX-License-Identifier: Apache-2.0
printf "bootm 0x9f020000\n" > script; SOURCE_DATE_EPOCH=1000000000 mkimage -A mips -O linux -T script -C none -n boot -d script "$OUT" > /dev/null
