# SPDX-License-Identifier: Apache-2.0
mkdir other
echo else > other/only-here
mkfs.jffs2 -l -e 64KiB -p -d "$TREE" -o "$OUT"
mkfs.jffs2 -l -f -q -e 64KiB -p -d other >> "$OUT"
