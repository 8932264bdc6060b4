# SPDX-License-Identifier: Apache-2.0
# pzstd writes a skippable frame with a length before each of its frames.
pzstd -q -p 4 -3 -c "$TREE/usr/share/large.bin" > "$OUT"
