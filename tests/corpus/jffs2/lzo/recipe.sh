# SPDX-License-Identifier: Apache-2.0
mkfs.jffs2 -l -X lzo -x zlib -x rtime -e 64KiB -n -d "$TREE" -o "$OUT"
