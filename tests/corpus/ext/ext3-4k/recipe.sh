# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext3 -b 4096 -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
