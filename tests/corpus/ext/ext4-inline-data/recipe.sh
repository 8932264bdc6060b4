# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -I 512 -O inline_data -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
