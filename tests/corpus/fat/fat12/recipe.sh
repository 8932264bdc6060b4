# SPDX-License-Identifier: Apache-2.0
mkfs.vfat -C -F 12 -n KAKOI "$OUT" 4096 > log
cd "$TREE"
find . -mindepth 1 -type d | sed "s|^./||" | sort | while read -r path; do mmd -i "$OUT" "::/$path"; done
find . -type f | sed "s|^./||" | sort | while read -r path; do mcopy -i "$OUT" "$path" "::/$path"; done
