#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Transfers over HTTP and files, errors, a proxy that is not there, limits, uploads, cookies, interrupts.
cd "$WORK" || exit 1
echo hello > f; head -c 3000000 /dev/zero > large; busybox httpd -f -p 127.0.0.1:18100 -h "$WORK" & h=$!
sleep 0.5; u=http://127.0.0.1:18100
run() { $TRACE timeout 8 curl -sS "$@" > /dev/null 2>&1; }
run $u/f; run -I $u/f; run -o out $u/large; run -O $u/f; run -r 5-9 $u/f; run -C - -o out $u/large; run -d a=b $u/f; run -T f $u/put; run -F x=@f $u/f
run -c jar -b jar $u/f; run -x 127.0.0.1:1 $u/f; run $u/none; run -f $u/none; run http://127.0.0.1:1/; run http://nothing.invalid/; run --limit-rate 200k -m 2 $u/large
run file://$WORK/f; run --resolve x.test:18100:127.0.0.1 http://x.test:18100/f; run -6 http://[::1]:1/; run --unix-socket none http://x/; run -Z $u/f $u/f; run --retry 1 --retry-delay 1 http://127.0.0.1:1/
run -k https://127.0.0.1:18100/; run ftp://127.0.0.1:1/; run tftp://127.0.0.1:1/x; run telnet://127.0.0.1:18100 < f; run smtp://127.0.0.1:1; run -K none; run --bad; run -V; run -h all; run -D head -w '%{time_total}\n' -v $u/f; run --compressed $u/f; run -u a:b $u/f; run --create-dirs -o d/e/f $u/f; run -o /dev/full $u/large; run -o /nonexistent/x $u/f
$TRACE timeout -s INT 0.5 curl -s --limit-rate 1k $u/large > /dev/null; kill $h
exit 0
