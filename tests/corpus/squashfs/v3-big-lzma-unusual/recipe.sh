# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../encode.py" 3 big raw:1,2,0 "$TREE" "$OUT" tqsh
