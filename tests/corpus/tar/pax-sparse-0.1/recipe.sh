# SPDX-License-Identifier: Apache-2.0
tar --format=pax --sparse --sparse-version=0.1 -C "$TREE" -cf "$OUT" .
