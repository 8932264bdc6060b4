# SPDX-License-Identifier: Apache-2.0
compress -f -c < "$TREE/usr/share/large.bin" > "$OUT" || true
