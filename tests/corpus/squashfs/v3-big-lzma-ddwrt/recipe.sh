# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../encode.py" 3 big four:0,2,1 "$TREE" "$OUT" tqsh
