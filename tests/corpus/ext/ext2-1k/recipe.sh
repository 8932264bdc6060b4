# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext2 -b 1024 -d "$TREE" "$OUT" 8M
debugfs -w -R "rmdir lost+found" "$OUT"
