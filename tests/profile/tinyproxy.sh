#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A web proxy: requests, tunnels, filters, errors, reload, rotation, stop.
cd "$WORK" || exit 1
t=$(command -v tinyproxy || echo /usr/bin/tinyproxy); echo hello > f; busybox httpd -f -p 127.0.0.1:18241 -h "$WORK" & b=$!; chmod 777 "$WORK"
printf 'Port 18240\nListen 127.0.0.1\nTimeout 5\nLogFile "%s/log"\nPidFile "%s/pid"\nMaxClients 10\nAllow 127.0.0.1\nFilter "%s/filter"\nStatHost "stat.test"\nUser nobody\nGroup nogroup\n' "$WORK" "$WORK" "$WORK" > conf; echo blocked > filter
$TRACE timeout 20 $t -d -c "$WORK/conf" & sleep 1; p='-s -m 3 -x http://127.0.0.1:18240'; for u in http://127.0.0.1:18241/f http://127.0.0.1:1/ http://nothing.invalid/ http://blocked.test/ http://stat.test/ ; do curl $p $u > /dev/null; done; curl $p -p http://127.0.0.1:18241/f > /dev/null; curl $p -d a=b http://127.0.0.1:18241/f > /dev/null; echo GARBAGE | timeout 2 nc 127.0.0.1 18240 > /dev/null
q=$(cat pid); mv log log.1; kill -USR1 "$q"; sleep 0.3; kill -HUP "$q"; sleep 0.5; curl $p http://127.0.0.1:18241/f > /dev/null; kill -TERM "$q"; sleep 0.5; $TRACE $t -v; $TRACE $t -h; $TRACE timeout 2 $t -d -c /nonexistent; $TRACE $t -c "$WORK/conf"; sleep 0.5; kill -INT "$(cat pid)"; kill $b
exit 0
