# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext2 -b 4096 -d "$TREE" root.ext2 4M
debugfs -w -R "rmdir lost+found" root.ext2
python3 "$CASE/make.py" root.ext2 "$OUT"
