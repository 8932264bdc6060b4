#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A measuring server and client: TCP, UDP, reverse, parallel, errors, stop.
cd "$WORK" || exit 1
$TRACE timeout 25 iperf3 -s -B 127.0.0.1 -p 18190 -I pid > /dev/null & sleep 0.7
c() { $TRACE timeout 5 iperf3 -c 127.0.0.1 -p 18190 -t 1 "$@" > /dev/null 2>&1; }
c; c -R; c -P 3; c -u -b 5M; c --bidir; c -J; c -n 100K; c -Z; c -w 64K -M 1000; c -4 -i 0.3; c --get-server-output; echo garbage | timeout 1 nc 127.0.0.1 18190; c -u -R; kill -INT "$(cat pid | tr -d '\0')"; sleep 0.4
$TRACE timeout 2 iperf3 -c 127.0.0.1 -p 1; $TRACE iperf3 -v > /dev/null; $TRACE iperf3 --bad; $TRACE iperf3 -s -D -1 -p 18191 --logfile "$WORK/log"; sleep 0.4; timeout 4 iperf3 -c 127.0.0.1 -p 18191 -t 1 > /dev/null; $TRACE timeout -s TERM 1 iperf3 -s -p 18192
exit 0
