# SPDX-License-Identifier: Apache-2.0
(xz -c < "$TREE/usr/share/large.bin"; head -c 8 /dev/zero; printf tail | xz -c --check=sha256) > "$OUT"
