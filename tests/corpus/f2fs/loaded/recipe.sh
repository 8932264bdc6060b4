# SPDX-License-Identifier: Apache-2.0
truncate -s 64M volume
mkfs.f2fs -q -l sample volume > log
sload.f2fs -f "$TREE" volume > log
# The end that was never written does not matter here.
python3 -c 'import sys; data = open("volume", "rb").read().rstrip(b"\0"); open(sys.argv[1], "wb").write(data + bytes(-len(data) % 4096))' "$OUT"
