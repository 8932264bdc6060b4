# SPDX-License-Identifier: Apache-2.0
cd "$TREE" && gcab -c -z "$OUT" $(find . -type f -size +0 -printf '%P\n' | LC_ALL=C sort)
