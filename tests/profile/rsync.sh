#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Trees copied, over a daemon too, with deletions, partial files, links, errors; reload, stop.
cd "$WORK" || exit 1
mkdir -p a/d b; echo x > a/f; ln -s f a/l; ln a/f a/h; head -c 300000 /dev/urandom > a/large; mkfifo a/p; printf 'use chroot = no\nport = 18200\naddress = 127.0.0.1\npid file = %s/pid\nlog file = %s/log\n[m]\npath = %s/a\nread only = no\nuid = 0\ngid = 0\n' "$WORK" "$WORK" "$WORK" > conf
run() { $TRACE timeout 8 rsync "$@" > /dev/null 2>&1; }
run -a a/ b/; echo y >> a/f; run -avHX --delete a/ b/; run -rz --checksum a/ b/; run -a --link-dest=../b a/ c/; run -n a/ b/; run -a --backup a/ b/; run --inplace a/large b/large; run -aS --sparse a/ e/; run /nonexistent b/; run a/f /nonexistent/x/; run --bad; run --version; run -a --chmod=F600 a/ g/; run -aA --numeric-ids a/ g/; run --list-only a/
$TRACE rsync --daemon --no-detach --config=conf & sleep 0.8
run rsync://127.0.0.1:18200/; run -a rsync://127.0.0.1:18200/m/ r/; run -a b/ rsync://127.0.0.1:18200/m/n/; run rsync://127.0.0.1:18200/none/ r/; run rsync://127.0.0.1:1/m/ r/; echo garbage | timeout 1 nc 127.0.0.1 18200; mv log log.1; kill -HUP "$(cat pid)"; sleep 0.3; kill -TERM "$(cat pid)"; sleep 0.3
$TRACE rsync --daemon --config=conf; sleep 0.5; kill "$(cat pid)"; $TRACE timeout -s INT 1 rsync --bwlimit=10 a/large z; run --daemon --no-detach --config=/nonexistent
exit 0
