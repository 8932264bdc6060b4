# SPDX-License-Identifier: Apache-2.0
# Stored entries, a folder and a link.
python3 "$CASE/../encode.py" 5 "$OUT" "$TREE" bin bin/busybox bin/sh etc/passwd etc/empty usr/share/large.bin
