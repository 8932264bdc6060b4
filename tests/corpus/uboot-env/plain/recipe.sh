# SPDX-License-Identifier: Apache-2.0
printf "bootargs=console=ttyS1\nbootcmd=bootm 0x9f020000\nbootdelay=1\n" > text; mkenvimage -s 0x4000 -o "$OUT" text
