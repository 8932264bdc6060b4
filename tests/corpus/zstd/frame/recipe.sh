# SPDX-License-Identifier: Apache-2.0
zstd -q -19 -c < "$TREE/usr/share/large.bin" > "$OUT"
