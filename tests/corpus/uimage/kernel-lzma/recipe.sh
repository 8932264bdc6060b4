# SPDX-License-Identifier: Apache-2.0
head -c 60000 "$TREE/lib/text.txt" > kernel; xz --format=lzma -c kernel > kernel.lzma; SOURCE_DATE_EPOCH=1000000000 mkimage -A mips -O linux -T kernel -C lzma -a 0x80001000 -e 0x80001000 -n "MIPS Linux" -d kernel.lzma "$OUT" > /dev/null
