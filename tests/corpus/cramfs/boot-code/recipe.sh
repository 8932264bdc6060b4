# SPDX-License-Identifier: Apache-2.0
/usr/sbin/mkfs.cramfs -N little -p -z "$TREE" "$OUT"
