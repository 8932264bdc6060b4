# SPDX-License-Identifier: Apache-2.0
# Properties 0x6e, as in DD-WRT for WRT54G.
xz --format=lzma --lzma1=dict=2MiB,lc=2,lp=2,pb=2 -c < "$TREE/usr/share/large.bin" > "$OUT"
