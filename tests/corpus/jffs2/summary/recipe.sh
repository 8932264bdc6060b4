# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -l -e 64KiB -p -d "$TREE" -o plain
sumtool -l -e 64KiB -p -i plain -o "$OUT"
