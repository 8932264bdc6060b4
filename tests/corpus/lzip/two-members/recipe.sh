# SPDX-License-Identifier: Apache-2.0
(lzip -c < "$TREE/usr/share/large.bin"; printf tail | lzip -c) > "$OUT"
