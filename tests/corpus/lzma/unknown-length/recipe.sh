# SPDX-License-Identifier: Apache-2.0
xz --format=lzma -c < "$TREE/usr/share/large.bin" > "$OUT"
