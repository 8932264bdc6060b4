# SPDX-License-Identifier: Apache-2.0
lz4 -q -l -9 -c < "$TREE/lib/text.txt" > "$OUT"; lz4 -q -l -c < "$TREE/usr/share/large.bin" > "$OUT"
