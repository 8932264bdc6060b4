# SPDX-License-Identifier: Apache-2.0
cd "$TREE/usr/share"; ar rcD "$OUT" sparse.bin a-file-name-that-is-longer-than-most-of-them-are-but-still-legal.conf deep/er/still/leaf
