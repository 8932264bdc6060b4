# SPDX-License-Identifier: Apache-2.0
tar --format=gnu --sparse -C "$TREE" -cf "$OUT" .
