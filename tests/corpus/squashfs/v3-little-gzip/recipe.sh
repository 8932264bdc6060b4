# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../encode.py" 3 little zlib "$TREE" "$OUT"
