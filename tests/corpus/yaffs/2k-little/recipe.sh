# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/make.py" "$TREE" "$OUT" 2048 64 0 "<"
