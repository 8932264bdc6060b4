# SPDX-License-Identifier: Apache-2.0
tar --format=pax --sparse -C "$TREE" -cf "$OUT" .
