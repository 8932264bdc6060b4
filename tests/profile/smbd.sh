#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file server: a guest's share, reads, writes, renames, directories, locks, a wrong user, reload, stop.
cd "$WORK" || exit 1
mkdir share lock state cache private pid log; chmod 777 share "$WORK"; echo hello > share/f
printf '[global]\nworkgroup=W\nserver role=standalone server\nmap to guest=Bad User\nguest account=nobody\nsmb ports=18150\ninterfaces=lo\nbind interfaces only=yes\nlog file=%s/log/l\nlock directory=%s/lock\nstate directory=%s/state\ncache directory=%s/cache\nprivate dir=%s/private\npid directory=%s/pid\nload printers=no\ndisable spoolss=yes\n[s]\npath=%s/share\nguest ok=yes\nread only=no\n' "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" > conf
s=$(command -v smbd || echo /usr/sbin/smbd)
$TRACE timeout 50 $s -F --no-process-group -s "$WORK/conf" & sleep 3
c() { timeout 8 smbclient -p 18150 -N "$@" > /dev/null 2>&1; }
c -L 127.0.0.1; c //127.0.0.1/s -c 'ls; get f g; put f h; mkdir d; rename h d/h; allinfo f; setmode f +r; rm d/h; rmdir d; du; volume; stat f; lock f; ls nothing'; c //127.0.0.1/none -c ls; timeout 8 smbclient -p 18150 -U nobody%wrong //127.0.0.1/s -c ls > /dev/null 2>&1; c -m NT1 //127.0.0.1/s -c ls; echo garbage | timeout 2 nc 127.0.0.1 18150
p=$(cat pid/smbd.pid); kill -HUP "$p"; sleep 0.5; c //127.0.0.1/s -c 'ls'; kill -TERM "$p"; sleep 1.5
$TRACE timeout 5 $s -D -s "$WORK/conf"; sleep 2; kill "$(cat pid/smbd.pid)"; $TRACE $s -V; $TRACE $s -b > /dev/null; $TRACE timeout 5 $s -F -s /nonexistent; $TRACE $s --bad
exit 0
