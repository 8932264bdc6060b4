# SPDX-License-Identifier: Apache-2.0
# Data and metadata in the same chunks, so that the volume may be small; its end was never written.
truncate -s 24M volume
mkfs.btrfs -q -M -L data --rootdir "$TREE" volume > log
python3 -c 'import sys; data = open("volume", "rb").read().rstrip(b"\0"); open(sys.argv[1], "wb").write(data + bytes(-len(data) % 4096))' "$OUT"
