# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -b -e 128KiB -p -d "$TREE" -o "$OUT"
