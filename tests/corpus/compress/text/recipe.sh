# SPDX-License-Identifier: Apache-2.0
compress -c < "$TREE/lib/text.txt" > "$OUT"
