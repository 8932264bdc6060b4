# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 1024 -O 64bit,metadata_csum -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
