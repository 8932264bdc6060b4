# SPDX-License-Identifier: Apache-2.0
genromfs -d "$TREE" -f "$OUT" -V sample
