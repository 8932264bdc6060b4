#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An SSH server of OpenSSH: keys, logins, commands, a terminal, forwarded ports, files, wrong keys, reload, stop.
cd "$WORK" || exit 1
ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -q -t rsa -N '' -f other; mkdir -p /run/sshd; cp key.pub authorized; chmod 600 authorized; chmod 755 "$WORK"
printf 'Port 18122\nListenAddress 127.0.0.1\nHostKey %s/host\nPidFile %s/pid\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n' "$WORK" "$WORK" "$WORK" > conf
s=$(command -v sshd || echo /usr/sbin/sshd)
$TRACE $s -D -E log -f "$WORK/conf" & sleep 1
o='-p 18122 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5'
ssh $o -i key root@127.0.0.1 'echo hello; id'; echo in | ssh $o -i key root@127.0.0.1 cat; (sleep 1; echo 'tty; exit') | ssh -tt $o -i key root@127.0.0.1 > /dev/null; ssh $o -o BatchMode=yes -i other root@127.0.0.1 true; ssh $o -o BatchMode=yes -i key nouser@127.0.0.1 true
ssh $o -i key -N -L 18123:127.0.0.1:18122 root@127.0.0.1 & f=$!; ssh $o -i key -N -R 18124:127.0.0.1:18122 root@127.0.0.1 & r=$!
sleep 1; (sleep 0.3) | timeout 2 nc 127.0.0.1 18123 > /dev/null; (sleep 0.3) | timeout 2 nc 127.0.0.1 18124 > /dev/null; kill $f $r; ssh -A -X -C $o -i key root@127.0.0.1 true; echo garbage | timeout 2 nc 127.0.0.1 18122 > /dev/null; echo 'ls
get log got
mkdir d
rename d e
rmdir e
df' | sftp -q -b - -P 18122 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i key root@127.0.0.1 > /dev/null 2>&1
kill -HUP "$(cat pid)"; sleep 1; ssh $o -i key root@127.0.0.1 true; kill -TERM "$(cat pid)"; sleep 0.5
$TRACE $s -t -f "$WORK/conf"; $TRACE $s -T -f "$WORK/conf"; $TRACE $s -f /nonexistent; $TRACE $s -V; echo 'Bad x' > bad; $TRACE $s -f "$WORK/bad"; $TRACE $s -f "$WORK/conf"; sleep 0.5; kill "$(cat pid)"; $TRACE timeout 2 $s -d -f "$WORK/conf"; $TRACE timeout 2 $s -i -f "$WORK/conf" < /dev/null
exit 0
