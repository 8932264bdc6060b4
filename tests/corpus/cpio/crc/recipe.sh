# SPDX-License-Identifier: Apache-2.0
(cd "$TREE" && find . -mindepth 1 | LC_ALL=C sort) | (cd "$TREE" && cpio --quiet -o -H crc) > "$OUT"
