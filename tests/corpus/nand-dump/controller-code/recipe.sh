# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root -noappend -no-progress -all-root -comp gzip > log
python3 "$CASE/../dump.py" root "$OUT" 2048 128 bch
