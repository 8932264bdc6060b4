#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files by TFTP: read, written, missing, forbidden; reload, stop.
cd "$WORK" || exit 1
t=$(command -v in.tftpd || echo /usr/sbin/in.tftpd); mkdir d; echo hello > d/f; head -c 100000 /dev/zero > d/large; chmod 777 d "$WORK"; echo 'r x f' > map
$TRACE timeout 20 $t -L -a 127.0.0.1:18170 -c -s -v -v -m "$WORK/map" -u nobody -P "$WORK/pid" "$WORK/d" & sleep 1
g() { timeout 4 busybox tftp "$@" 127.0.0.1 18170 2> /dev/null; }
g -g -r f -l got; g -g -r x -l got; g -g -r large -l got; g -p -l got -r put; g -g -r none -l none; g -g -r /etc/passwd -l none; g -g -b 1400 -r large -l got; echo garbage | timeout 1 nc -u 127.0.0.1 18170; p=$(pgrep -o in.tftpd); kill -HUP "$p"; sleep 0.5; g -g -r f -l got; kill -TERM "$p"; sleep 0.3
$TRACE timeout 3 $t -l -a 127.0.0.1:18171 -s "$WORK/d"; sleep 0.5; pkill -x in.tftpd; $TRACE $t -V; $TRACE $t --bad; $TRACE timeout 2 $t -L -a 127.0.0.1:18172 -s /nonexistent
exit 0
