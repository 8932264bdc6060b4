# SPDX-License-Identifier: Apache-2.0
cp "$TREE/bin/busybox" "$TREE/usr/share/large.bin" "$TREE/lib/text.txt" "$TREE/etc/empty" .; arj a -y image.arj busybox large.bin text.txt empty > /dev/null; cp image.arj "$OUT"
