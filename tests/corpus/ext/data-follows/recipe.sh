# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext2 -b 1024 -d "$TREE" "$OUT" 4M
gzip -9 -n -c "$TREE/usr/share/large.bin" >> "$OUT"
