#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A message broker: publish, subscribe, retained and stored messages, passwords, a bridge, wills, reload, log rotation, stop.
cd "$WORK" || exit 1
printf 'u:x\n' > pw; mosquitto_passwd -U pw 2> /dev/null; chmod 777 "$WORK"; chmod 644 pw
cat > conf <<END
listener 18110 127.0.0.1
allow_anonymous true
password_file $WORK/pw
persistence true
persistence_location $WORK/
autosave_interval 1
log_dest file $WORK/log
log_type all
pid_file $WORK/pid
sys_interval 1
connection b
address 127.0.0.1:1
topic #
END
$TRACE mosquitto -c conf -v & sleep 1
o='-h 127.0.0.1 -p 18110'
timeout 5 mosquitto_sub $o -t '#' -C 3 -q 2 > /dev/null & timeout 5 mosquitto_sub $o -i stay -c -t s -q 1 -W 1 > /dev/null; sleep 0.3
mosquitto_pub $o -t a -m x -q 2 -r; mosquitto_pub $o -t s -m y -q 1; mosquitto_pub $o -t a -n -r; mosquitto_pub $o -u u -P x -t a -m z --will-topic w --will-payload gone; mosquitto_pub $o -u u -P wrong -t a -m z; head -c 200000 /dev/zero | mosquitto_pub $o -t big -s; echo GARBAGE | timeout 1 nc 127.0.0.1 18110
p=$(pgrep -f 'mosquitto -c conf' | tail -n 1); kill -HUP "$p"; sleep 0.3; mv log log.1; kill -HUP "$p"; kill -USR1 "$p"; sleep 0.3; kill -USR2 "$p"; sleep 1.2; mosquitto_pub $o -t a -m x; kill -TERM "$p"; sleep 1
$TRACE timeout 3 mosquitto -d -c conf; sleep 1; kill -INT "$(cat pid)"; sleep 0.7; $TRACE timeout 2 mosquitto -p 18111; $TRACE mosquitto -c /nonexistent; $TRACE mosquitto -h; $TRACE mosquitto --bad; echo 'listener x' > bad; $TRACE mosquitto -c bad; $TRACE timeout 2 mosquitto -p 1 
exit 0
