# SPDX-License-Identifier: Apache-2.0
head -c 8192 "$TREE/lib/block.bin" > image; head -c 65536 /dev/zero >> image; printf 'abcd%.0s' $(seq 2048) >> image; head -c 4096 "$TREE/lib/text.txt" >> image
img2simg image "$OUT" 4096
