# SPDX-License-Identifier: Apache-2.0
/usr/sbin/mkfs.cramfs -N big "$TREE" "$OUT"
