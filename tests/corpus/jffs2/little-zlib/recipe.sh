# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -l -e 64KiB -p -d "$TREE" -o "$OUT"
