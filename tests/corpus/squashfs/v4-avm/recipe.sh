# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../encode.py" 4 avm zlib "$TREE" "$OUT"
