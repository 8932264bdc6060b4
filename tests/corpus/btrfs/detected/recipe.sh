# SPDX-License-Identifier: Apache-2.0
truncate -s 110M disk.img
mkfs.btrfs -q -L data disk.img
# What follows the first metadata does not matter here.
head -c 1M disk.img > "$OUT"
