# SPDX-License-Identifier: Apache-2.0
(bzip2 -c < "$TREE/usr/share/large.bin"; printf tail | bzip2 -c) > "$OUT"
