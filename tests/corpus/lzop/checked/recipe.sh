# SPDX-License-Identifier: Apache-2.0
cp "$TREE/usr/share/large.bin" firmware.img; lzop -q -9 -F -c firmware.img > /dev/null; lzop -q --crc32 -c firmware.img > "$OUT"
