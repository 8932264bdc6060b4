#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A management agent: gets, walks, sets, traps, wrong community, version 3, reload, log rotation, stop.
cd "$WORK" || exit 1
printf 'rocommunity public\nrwcommunity private\nagentaddress udp:127.0.0.1:18140,tcp:127.0.0.1:18140\nsysLocation here\nextend t /bin/echo hello\npass .1.3.6.1.4.1.8072.2.255 /bin/false\nproc sshd\ndisk / 100\nload 10\ntrapsink 127.0.0.1:1\ncreateUser u SHA password1 AES password2\nrouser u\nmaster agentx\nagentXSocket %s/agentx\n' "$WORK" > conf; mkdir p
s=$(command -v snmpd || echo /usr/sbin/snmpd); export SNMP_PERSISTENT_DIR=$WORK/p
$TRACE timeout 40 $s -f -C -c "$WORK/conf" -Lf log -p pid & sleep 1.5
o='-v2c -c public -t 2 -r 0'; a=udp:127.0.0.1:18140
snmpget $o $a .1.3.6.1.2.1.1.1.0; timeout 15 snmpbulkwalk $o $a .1.3.6.1.2.1 > /dev/null; timeout 8 snmpwalk $o tcp:127.0.0.1:18140 .1.3.6.1.4.1.2021 > /dev/null; snmpset -v2c -c private -t 2 -r 0 $a .1.3.6.1.2.1.1.6.0 s there; snmpget -v1 -c wrong -t 1 -r 0 $a .1.3.6.1.2.1.1.1.0; snmpget -v3 -u u -l authPriv -a SHA -A password1 -x AES -X password2 -t 2 -r 0 $a .1.3.6.1.2.1.1.3.0; timeout 5 snmpwalk $o $a .1.3.6.1.4.1.8072.1.3.2 > /dev/null; echo garbage | timeout 1 nc -u 127.0.0.1 18140
kill -HUP "$(cat pid)"; sleep 0.5; mv log log.1; kill -HUP "$(cat pid)"; sleep 0.5; kill -USR1 "$(cat pid)"; snmpget $o $a .1.3.6.1.2.1.1.3.0; kill -TERM "$(cat pid)"; sleep 1
$TRACE $s -C -c "$WORK/conf" -Ls d -p pid2; sleep 0.7; kill -INT "$(cat pid2)"; $TRACE $s -v; $TRACE $s -H; $TRACE $s --bad; $TRACE timeout 2 $s -f -C -c /nonexistent -Le 
exit 0
