# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -d "$TREE" root.ext4 4M
debugfs -w -R "rmdir lost+found" root.ext4
python3 "$CASE/make.py" root.ext4 "$OUT"
