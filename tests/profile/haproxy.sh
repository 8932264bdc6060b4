#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A proxy: HTTP and TCP, a dead server, checks, statistics, reload, stop.
cd "$WORK" || exit 1
h=$(command -v haproxy || echo /usr/sbin/haproxy); echo hello > f; busybox httpd -f -p 127.0.0.1:18221 -h "$WORK" & b=$!
printf 'global\n stats socket %s/sock mode 600 level admin\n log 127.0.0.1:1 local0\n maxconn 100\ndefaults\n mode http\n timeout connect 1s\n timeout client 3s\n timeout server 3s\n log global\n option httplog\nfrontend f\n bind 127.0.0.1:18220\n stats enable\n default_backend b\nbackend b\n compression algo gzip\n server a 127.0.0.1:18221 check inter 300\n server d 127.0.0.1:1 check inter 300\nlisten t\n mode tcp\n bind 127.0.0.1:18222\n server a 127.0.0.1:18221\n' "$WORK" > conf
$TRACE timeout 25 $h -W -p pid -f conf & sleep 1.5; for i in 1 2 3; do curl -s -m 2 http://127.0.0.1:18220/f > /dev/null; done; curl -s -m 2 http://127.0.0.1:18222/f > /dev/null; curl -s -m 2 'http://127.0.0.1:18220/haproxy?stats' > /dev/null; echo GARBAGE | timeout 2 nc 127.0.0.1 18220 > /dev/null; for q in 'show info' 'show stat' 'disable server b/a' 'enable server b/a' 'show sess' 'bad'; do echo "$q" | timeout 2 socat - "UNIX:$WORK/sock" > /dev/null; done
kill -USR2 "$(head -n 1 pid)"; sleep 1.5; curl -s -m 2 http://127.0.0.1:18220/f > /dev/null; kill -HUP "$(head -n 1 pid)"; sleep 0.5; kill -USR1 "$(head -n 1 pid)"; sleep 1; kill -TERM "$(head -n 1 pid)" 2> /dev/null
$TRACE $h -c -f conf; $TRACE $h -vv > /dev/null; $TRACE $h -f /nonexistent; $TRACE timeout 2 $h -db -f conf; $TRACE $h -D -p pid2 -f conf; sleep 0.5; kill "$(cat pid2)"; kill $b
exit 0
