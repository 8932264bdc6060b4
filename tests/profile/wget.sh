#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files, mirrors, continued files, errors, logs, interrupts.
cd "$WORK" || exit 1
mkdir www; echo '<a href="f">f</a>' > www/index.html; echo hello > www/f; head -c 2000000 /dev/zero > www/large; busybox httpd -f -p 127.0.0.1:18101 -h "$WORK/www" & h=$!
sleep 0.5; u=http://127.0.0.1:18101
run() { $TRACE timeout 8 wget "$@" > /dev/null 2>&1; }
run $u/f; run -q -O - $u/f; run -c $u/large; run -N $u/f; run -r -l 1 $u/; run -p -k $u/; run --spider $u/f; run -o log $u/f; run -a log $u/f; run -S $u/none; run -t 1 http://127.0.0.1:1/; run -t 1 http://nothing.invalid/
run --limit-rate=300k $u/large; run --post-data=a=b $u/f; run --post-file=www/f $u/f; run -i - < www/index.html; run -P d/e $u/f; run -O /dev/full $u/large; run --no-check-certificate -t 1 https://127.0.0.1:18101/; run --load-cookies none --save-cookies jar $u/f; run --warc-file=w $u/f; run -b -o blog $u/f; run -T 1 -t 1 ftp://127.0.0.1:1/x; run --bad; run -V; run --progress=dot $u/large; run -e robots=off $u/f; run --backups=2 $u/f; run -x $u/f
$TRACE timeout -s HUP 0.5 wget --limit-rate=1k -O x $u/large > /dev/null 2>&1; $TRACE timeout -s INT 0.5 wget --limit-rate=1k -O x $u/large > /dev/null 2>&1; kill $h
exit 0
