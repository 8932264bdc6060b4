# SPDX-License-Identifier: Apache-2.0
mkfs.erofs --quiet -T0 -x-1 --all-root --chunksize=65536 -Eforce-chunk-indexes "$OUT" "$TREE"
