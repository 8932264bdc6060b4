# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -l -f -q -e 64KiB -p -d "$TREE" -o "$OUT"
head -c 200000 /dev/zero | tr "\\0" "\\377" >> "$OUT"
gzip -9 -n -c "$TREE/usr/share/large.bin" >> "$OUT"
