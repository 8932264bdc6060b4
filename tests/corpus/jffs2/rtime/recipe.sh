# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -b -x zlib -e 64KiB -d "$TREE" -o "$OUT"
