# SPDX-License-Identifier: Apache-2.0
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(open(sys.argv[1], "rb").read(), 9))' "$TREE/usr/share/large.bin" > "$OUT"
