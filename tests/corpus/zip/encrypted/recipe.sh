# SPDX-License-Identifier: Apache-2.0
cp "$TREE/etc/passwd" "$TREE/etc/shadow" .; zip -q -X -P secret "$OUT.zip" passwd; zip -q -X "$OUT.zip" shadow; mv "$OUT.zip" "$OUT"
