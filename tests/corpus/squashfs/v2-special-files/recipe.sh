# SPDX-License-Identifier: Apache-2.0
mkdir -m 755 t
mkfifo -m 622 t/pipe
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('t/log')"
chmod 666 t/log
python3 "$CASE/../encode.py" 2 big zlib t "$OUT"
