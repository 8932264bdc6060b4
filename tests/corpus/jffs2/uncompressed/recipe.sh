# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -l -m none -e 64KiB -d "$TREE" -o "$OUT"
