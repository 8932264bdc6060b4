# SPDX-License-Identifier: Apache-2.0
lz4 -q -c < "$TREE/usr/share/large.bin" > "$OUT"
