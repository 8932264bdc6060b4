# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../2k-little/make.py" "$TREE" "$OUT" 2048 64 0 "<" history
