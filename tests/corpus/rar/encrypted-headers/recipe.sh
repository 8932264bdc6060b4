# SPDX-License-Identifier: Apache-2.0
# All behind the first header is encrypted.
python3 "$CASE/../encode.py" sealed "$OUT" "$TREE"
