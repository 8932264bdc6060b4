#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Connections of many kinds joined: TCP, UDP, UNIX, pipes, files, programs, terminals; errors; stop.
cd "$WORK" || exit 1
run() { $TRACE timeout 3 socat "$@" > /dev/null 2>&1; }
run -u FILE:/etc/passwd CREATE:out; echo x | run - SYSTEM:cat; echo x | run - EXEC:cat,pty; run TCP-LISTEN:18180,bind=127.0.0.1,reuseaddr,fork EXEC:cat & sleep 0.5; echo x | run - TCP:127.0.0.1:18180,shut-none; echo x | run -t 0.3 - TCP4:127.0.0.1:18180; run UNIX-LISTEN:s,unlink-early PIPE & sleep 0.3; echo x | run -t 0.3 - UNIX:s; run UDP-RECVFROM:18181,bind=127.0.0.1 - & sleep 0.3; echo x | run - UDP-SENDTO:127.0.0.1:18181; run PTY,link=p,raw - < /dev/null; run -u OPEN:/etc/passwd,rdonly GOPEN:o2; run - TCP:127.0.0.1:1; run - TCP:nothing.invalid:1; run -d -d - OPEN:/nonexistent; run -lf log -x -v - PIPE < /etc/passwd; run SOCKETPAIR - < /dev/null; run -V; run -hh; run BAD; wait
$TRACE timeout -s TERM 0.5 socat TCP-LISTEN:18182 -; $TRACE timeout -s INT 0.5 socat UDP-LISTEN:18182 PIPE
exit 0
