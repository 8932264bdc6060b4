# SPDX-License-Identifier: Apache-2.0
cp "$TREE/lib/text.txt" "$TREE/bin/busybox" "$TREE/etc/passwd" .; zip -q -X - passwd text.txt busybox > whole; head -c 60000 whole > "$OUT"
