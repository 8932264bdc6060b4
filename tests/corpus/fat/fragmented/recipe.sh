# SPDX-License-Identifier: Apache-2.0
mkfs.vfat -C -F 12 -s 1 "$OUT" 1440 > log
for index in 1 2 3 4 5 6 7 8; do head -c 3000 /dev/zero | tr '\0' "$index" > "f$index"; mcopy -i "$OUT" "f$index" ::; done
mdel -i "$OUT" ::f1 ::f3 ::f5 ::f7
mmd -i "$OUT" "::A long name, with spaces"
head -c 1300000 /dev/zero | tr '\0' x > large
mcopy -i "$OUT" large "::A long name, with spaces/ルータ.bin"
