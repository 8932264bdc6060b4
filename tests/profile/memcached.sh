#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cache: text and binary protocol, UDP, UNIX socket, many connections, signals.
cd "$WORK" || exit 1
send() { printf "$1" | timeout 1 nc -q 1 127.0.0.1 18120 > /dev/null; }
$TRACE memcached -u nobody -l 127.0.0.1 -p 18120 -U 18120 -m 16 -t 4 -c 64 -P pid -v 2> log &
sleep 1
send 'set a 0 0 1\r\n1\r\nget a\r\nstats\r\nstats items\r\nstats slabs\r\nstats settings\r\nversion\r\nquit\r\n'; send 'incr a 1\r\ndelete a\r\nflush_all\r\ntouch a 1\r\nverbosity 1\r\nnonsense\r\n'; send 'set big 0 0 1000000\r\n'; head -c 900000 /dev/zero | tr '\0' x > big; (printf 'set big 0 0 900000\r\n'; cat big; printf '\r\nget big\r\n'; sleep 0.5) | timeout 2 nc 127.0.0.1 18120 > /dev/null
send 'slabs automove 1\r\nlru_crawler enable\r\nlru_crawler crawl all\r\nlru_crawler metadump all\r\nwatch fetchers\r\n'; printf '\200\013\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' | timeout 1 nc 127.0.0.1 18120 > /dev/null; printf '\0\1\0\0\0\1\0\0get a\r\n' | timeout 1 nc -u 127.0.0.1 18120 > /dev/null
i=0; while [ $i -lt 80 ]; do (sleep 2 | timeout 3 nc 127.0.0.1 18120 > /dev/null) & i=$((i + 1)); done; sleep 3
p=$(cat pid); kill -HUP "$p"; sleep 0.3; kill -USR1 "$p"; sleep 1; kill -TERM "$p" 2> /dev/null; sleep 1; kill -KILL "$p" 2> /dev/null
$TRACE memcached -u nobody -s "$WORK/sock" -a 777 -P pid2 -m 4 & sleep 1; printf 'stats\r\nshutdown\r\n' | timeout 1 nc -U -q 1 sock > /dev/null; kill -INT "$(cat pid2)"; sleep 0.5
$TRACE memcached -u nobody -d -l 127.0.0.1 -p 18121 -P "$WORK/pid3" -r -k -A -o modern,hash_algorithm=murmur3 -e "$WORK/mem"; sleep 1; printf 'set a 0 0 1\r\n1\r\nshutdown\r\n' | timeout 1 nc -q 1 127.0.0.1 18121 > /dev/null; kill -TERM "$(cat pid3)"; sleep 0.5
$TRACE memcached -h > /dev/null; $TRACE memcached -V; $TRACE memcached -p x; $TRACE memcached -u nouser; $TRACE memcached -u nobody -l 203.0.113.1 -p 18122; $TRACE memcached -badopt
$TRACE timeout 2 memcached -u nobody -S -l 127.0.0.1 -p 18123; printf 'pw:x\n' > pw; chmod 644 pw; $TRACE timeout 2 memcached -u nobody -Y pw -l localhost -p 18124 -vv 2> /dev/null
exit 0
