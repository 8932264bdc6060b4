# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 1024 -g 512 -O meta_bg,^resize_inode,^flex_bg -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
