#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Router advertisements on a pair of interfaces: reload, a changed interface, errors, stop.
cd "$WORK" || exit 1
r=$(command -v radvd || echo /usr/sbin/radvd); ip link add kr0 type veth peer name kr1 2> /dev/null; ip link set kr0 up; ip link set kr1 up; printf 'interface kr0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; IgnoreIfMissing on; prefix 2001:db8::/64 { }; RDNSS 2001:db8::1 { }; };\n' > conf
$TRACE timeout 12 $r -n -d 3 -C "$WORK/conf" -p "$WORK/pid" -m stderr & sleep 2.5; ip link set kr0 down; sleep 0.5; ip link set kr0 up; p=$(cat pid); kill -HUP "$p"; sleep 1; kill -USR1 "$p"; sleep 0.5; kill -TERM "$p"; sleep 0.7
$TRACE $r -c -C "$WORK/conf"; $TRACE $r -v; $TRACE $r -C /nonexistent; echo bad > bad; $TRACE $r -n -C "$WORK/bad"; $TRACE $r --bad; $TRACE timeout 3 $r -C "$WORK/conf" -p "$WORK/pid2" -l "$WORK/log" -m logfile; sleep 0.5; kill "$(cat pid2)" 2> /dev/null; ip link del kr0
exit 0
