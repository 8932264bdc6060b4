# SPDX-License-Identifier: Apache-2.0
mkfs.ubifs -m 2048 -e 126976 -c 100 -d "$TREE" -o "$OUT"
gzip -9 -n -c "$TREE/usr/share/large.bin" >> "$OUT"
