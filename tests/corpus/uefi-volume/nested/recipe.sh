# SPDX-License-Identifier: Apache-2.0
python3 "$CASE/../volume.py" "$OUT" nested
