# SPDX-License-Identifier: Apache-2.0
tar --format=ustar -C "$TREE" -cf "$OUT" .
