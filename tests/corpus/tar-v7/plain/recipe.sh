# SPDX-License-Identifier: Apache-2.0
tar --format=v7 -C "$TREE" -cf "$OUT" .
