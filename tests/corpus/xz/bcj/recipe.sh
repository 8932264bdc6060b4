# SPDX-License-Identifier: Apache-2.0
xz -c --arm --lzma2 < "$TREE/bin/busybox" > "$OUT"
