# SPDX-License-Identifier: Apache-2.0
gzip -9 -c "$TREE/usr/share/large.bin" > "$OUT"
