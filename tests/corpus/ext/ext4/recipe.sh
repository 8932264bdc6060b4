# SPDX-License-Identifier: Apache-2.0
mke2fs -q -F -t ext4 -b 4096 -L rootfs -d "$TREE" "$OUT" 16M
debugfs -w -R "rmdir lost+found" "$OUT"
