# SPDX-License-Identifier: Apache-2.0
cp "$TREE/etc/passwd" .; arj a -y -m0 image.arj passwd > /dev/null; cp image.arj "$OUT"
