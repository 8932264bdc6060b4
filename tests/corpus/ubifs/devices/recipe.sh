# SPDX-License-Identifier: Apache-2.0
cat > table <<END
/dev/console c 600 0 5 5 1 0 0 -
/dev/mtdblock300 b 640 0 6 31 300 0 0 -
/dev/pipe p 622 1 2 0 0 0 0 -
END
mkdir -p root/dev
mkfs.ubifs -m 2048 -e 126976 -c 100 -U -D table -d root -o "$OUT"
