# SPDX-License-Identifier: Apache-2.0
/usr/sbin/mkfs.cramfs -N little "$TREE" little.img
cramfsswap little.img "$OUT"
