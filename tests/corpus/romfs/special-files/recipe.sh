# SPDX-License-Identifier: Apache-2.0
mkdir -m 755 t t/dev
mkfifo t/dev/pipe
echo one > t/first
ln t/first t/second
chmod 755 t/first
touch "t/dev/@console,c,5,1" "t/dev/@mtdblock0,b,31,0"
genromfs -d t -f "$OUT" -V x
