# SPDX-License-Identifier: Apache-2.0
mkfs.ubifs -m 2048 -e 126976 -c 100 -x zlib -d "$TREE" -o "$OUT"
