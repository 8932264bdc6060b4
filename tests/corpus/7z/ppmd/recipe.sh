# SPDX-License-Identifier: Apache-2.0
7z a -m0=PPMd "$OUT.7z" "$TREE/etc/passwd" > /dev/null; mv "$OUT.7z" "$OUT"
