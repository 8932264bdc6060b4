# SPDX-License-Identifier: Apache-2.0
mkfs.ubifs -m 2048 -e 126976 -c 100 -d "$TREE" -o "$OUT"
python3 "$CASE/make.py" "$OUT" replay
