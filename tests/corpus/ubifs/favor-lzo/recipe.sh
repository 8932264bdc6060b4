# SPDX-License-Identifier: Apache-2.0
mkfs.ubifs -m 512 -e 15872 -c 400 -x favor_lzo -f 16 -d "$TREE" -o "$OUT"
