#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A time daemon that sets no clock: server on loopback, commands, dump, rotation of its logs, stop.
cd "$WORK" || exit 1
chmod 777 "$WORK"; printf 'server 127.0.0.1 port 1 iburst\nlocal stratum 8\nallow 127/8\nport 18130\ncmdport 18131\nbindcmdaddress %s/sock\npidfile %s/pid\ndriftfile %s/drift\nlogdir %s/logs\nlog measurements statistics tracking\ndumpdir %s\nmanual\n' "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" > conf; mkdir logs
c=$(command -v chronyd || echo /usr/sbin/chronyd)
$TRACE timeout 12 $c -d -x -u root -f "$WORK/conf" & sleep 1.5
for q in tracking sources sourcestats activity clients serverstats 'ntpdata' cyclelogs dump rekey 'add server 127.0.0.2' 'delete 127.0.0.2' 'online' 'offline' 'burst 1/2' 'makestep' 'waitsync 1' 'bad' 'shutdown'; do timeout 3 chronyc -h "$WORK/sock" $q > /dev/null; done; sleep 0.5
$TRACE timeout 3 $c -x -n -u root -f "$WORK/conf" & sleep 1; kill -HUP "$(cat pid)" 2> /dev/null; sleep 0.2; kill -TERM "$(cat pid)" 2> /dev/null; sleep 0.5; $TRACE timeout 4 $c -Q -t 2 'server 127.0.0.1 port 1 iburst'; $TRACE $c -v; $TRACE $c --bad; $TRACE timeout 3 $c -d -x -f /nonexistent; $TRACE $c -p -f "$WORK/conf"
exit 0
