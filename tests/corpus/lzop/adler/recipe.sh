# SPDX-License-Identifier: Apache-2.0
lzop -q -9 -c < "$TREE/lib/text.txt" > "$OUT"
