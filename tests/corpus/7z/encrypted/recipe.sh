# SPDX-License-Identifier: Apache-2.0
7z a -psecret "$OUT.7z" "$TREE/etc/passwd" "$TREE/etc/shadow" > /dev/null; mv "$OUT.7z" "$OUT"
