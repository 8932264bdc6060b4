# SPDX-License-Identifier: Apache-2.0
cat > table <<END
/dev/console c 600 0 5 5 1 0 0 -
/dev/mtdblock3 b 640 0 6 31 3 0 0 -
/dev/pipe p 622 1 2 0 0 0 0 -
END
mkdir -p root/dev
mkfs.jffs2 -l -f -q -e 64KiB -d root -D table -o "$OUT"
