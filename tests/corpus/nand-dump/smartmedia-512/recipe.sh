# SPDX-License-Identifier: Apache-2.0
mksquashfs "$TREE" root -noappend -no-progress -all-root -comp gzip > log
python3 "$CASE/../dump.py" root "$OUT" 512 16 hamming:1,0,2,6,3,7
