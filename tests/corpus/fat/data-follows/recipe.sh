# SPDX-License-Identifier: Apache-2.0
mkfs.vfat -C -F 12 "$OUT" 720 > log
mcopy -i "$OUT" "$TREE/etc/passwd" ::passwd
gzip -9 -n -c "$TREE/usr/share/large.bin" >> "$OUT"
