# SPDX-License-Identifier: Apache-2.0
head -c 5000 "$TREE/lib/text.txt" | zip -q -fz - - > "$OUT"
