# SPDX-License-Identifier: Apache-2.0
cd "$TREE"
zip -q -X -r -y "$OUT" .
printf DH | dd of="$OUT" bs=1 conv=notrunc status=none
