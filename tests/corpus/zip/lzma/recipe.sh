# SPDX-License-Identifier: Apache-2.0
7z a -tzip -mm=LZMA "$OUT.zip" "$TREE/bin" "$TREE/lib/text.txt" > /dev/null; mv "$OUT.zip" "$OUT"
