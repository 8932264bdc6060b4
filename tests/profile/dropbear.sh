#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An SSH server: keys made, logins by key, wrong key, commands, a terminal, a forwarded port, a copied file, signals.
cd "$WORK" || exit 1
export HOME="$WORK"
dropbearkey -t ed25519 -f host > /dev/null; dropbearkey -t ecdsa -f host2 > /dev/null
ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -q -t rsa -N '' -f other
mkdir -p /root/.ssh; cp /root/.ssh/authorized_keys saved 2> /dev/null
cat key.pub >> /root/.ssh/authorized_keys; chmod 700 /root /root/.ssh; chmod 600 /root/.ssh/authorized_keys
$TRACE dropbear -F -E -r host -r host2 -p 127.0.0.1:18022 -P pid 2> log &
sleep 1
o='-p 18022 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5'
ssh $o -i key root@127.0.0.1 'echo hello; id; cat /etc/hostname'
echo input | ssh $o -i key root@127.0.0.1 cat
(sleep 1; echo 'ls; tty; exit') | ssh -tt $o -i key root@127.0.0.1 > /dev/null
ssh $o -o BatchMode=yes -i other root@127.0.0.1 true; ssh $o -o BatchMode=yes -i key nouser@127.0.0.1 true
ssh $o -i key -N -L 18023:127.0.0.1:18022 root@127.0.0.1 & f=$!
ssh $o -i key -N -R 18024:127.0.0.1:18022 root@127.0.0.1 & r=$!
sleep 1; (sleep 0.3) | timeout 2 nc 127.0.0.1 18023 > /dev/null; (sleep 0.3) | timeout 2 nc 127.0.0.1 18024 > /dev/null; kill $f $r
ssh -A -X $o -i key root@127.0.0.1 true
echo garbage | timeout 2 nc 127.0.0.1 18022 > /dev/null
ssh $o -i key root@127.0.0.1 'kill -9 $$'; ssh $o -i key root@127.0.0.1 /nonexistent
scp -O -P 18022 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i key log root@127.0.0.1:"$WORK"/copied
kill -HUP "$(cat pid)"; sleep 0.3
kill -TERM "$(cat pid)"; sleep 0.5
$TRACE dropbear -r host -p 127.0.0.1:18025 -P pid2 -w -T 2 -I 3; sleep 1; ssh $o -p 18025 -i key root@127.0.0.1 true; timeout 6 nc 127.0.0.1 18025 > /dev/null; kill "$(cat pid2)"
$TRACE dropbear -F -E -r /nonexistent -p 127.0.0.1:18022; $TRACE dropbear -V; $TRACE dropbear -badoption; $TRACE timeout 2 dropbear -i < /dev/null
$TRACE timeout 1 dropbear -F -E -R -p 127.0.0.1:18026
if [ -f saved ]; then cp saved /root/.ssh/authorized_keys; else rm -f /root/.ssh/authorized_keys; fi
exit 0
