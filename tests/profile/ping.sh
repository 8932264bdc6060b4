#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Echoes to this machine, to none, floods, broken options, interrupts.
cd "$WORK" || exit 1
run() { $TRACE timeout 4 ping "$@" > /dev/null 2>&1; }
run -c 1 127.0.0.1; run -c 2 -i 0.2 -s 1000 -n 127.0.0.1; run -c 1 ::1; run -c 1 -W 1 192.0.2.1; run -c 1 nothing.invalid; run -c 3 -f 127.0.0.1; run -c 1 -R 127.0.0.1; run -c 1 -T tsonly 127.0.0.1; run -c 1 -M do -t 3 -Q 8 -I lo 127.0.0.1; run -A -c 3 -q 127.0.0.1; run -w 1 127.0.0.1; run -V; run --bad; run -c 1 -D -O -v localhost; run -c 1 -p ff 127.0.0.1; run -b -c 1 127.255.255.255
$TRACE timeout -s INT 0.7 ping 127.0.0.1 > /dev/null; $TRACE timeout -s QUIT -k 1 0.7 ping 127.0.0.1 > /dev/null
exit 0
