# SPDX-License-Identifier: Apache-2.0
cd "$TREE" && zip -q -y -r -X "$OUT" .
