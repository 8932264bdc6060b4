# SPDX-License-Identifier: Apache-2.0
mkfs.erofs --quiet -T0 -x-1 --all-root  "$OUT" "$TREE"
