# SPDX-License-Identifier: Apache-2.0
cd "$TREE" && 7z a -t7z -m0=BCJ -m1=LZMA -snl "$OUT.7z" . > /dev/null; mv "$OUT.7z" "$OUT"
