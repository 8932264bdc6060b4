# SPDX-License-Identifier: Apache-2.0
cd "$TREE" && 7z a -t7z -m0=LZMA2 -snl "$OUT.7z" . > /dev/null; mv "$OUT.7z" "$OUT"
