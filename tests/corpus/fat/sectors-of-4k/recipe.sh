# SPDX-License-Identifier: Apache-2.0
mkfs.vfat -C -F 16 -S 4096 -s 1 "$OUT" 32768 > log
cd "$TREE"
find . -mindepth 1 -type d | sed "s|^./||" | sort | while read -r path; do mmd -i "$OUT" "::/$path"; done
find . -type f | sed "s|^./||" | sort | while read -r path; do mcopy -i "$OUT" "$path" "::/$path"; done
