# SPDX-License-Identifier: Apache-2.0
mkdir a b; printf shared > a/one; ln a/one a/two; ln a/one a/three; printf later > b/init
touch -d @1000000000 a/* b/*
(cd a && find . -type f | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$OUT"
(cd b && echo init | cpio --quiet -o -H newc -R 0:0) >> "$OUT"
