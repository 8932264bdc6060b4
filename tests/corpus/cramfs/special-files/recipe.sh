# SPDX-License-Identifier: Apache-2.0
mkdir -m 755 t
mkfifo -m 622 t/pipe
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('t/log')"
chmod 666 t/log
echo same > t/first
cp t/first t/second
chmod 644 t/first t/second
/usr/sbin/mkfs.cramfs -N big t "$OUT"
