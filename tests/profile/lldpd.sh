#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Neighbours of an interface: packets, the control program, changed interfaces, stop.
cd "$WORK" || exit 1
l=$(command -v lldpd || echo /usr/sbin/lldpd); mkdir -p /run/lldpd; ip link add kl0 type veth peer name kl1 2> /dev/null; ip link set kl0 up; ip link set kl1 up
$TRACE timeout 12 $l -d -u "$WORK/sock" -I 'kl*' -c -e -s -f & sleep 2
for q in 'show neighbors' 'show interfaces' 'show chassis' 'show statistics' 'show configuration' 'configure system hostname x' 'configure lldp tx-interval 1' 'update' 'pause' 'resume' 'bad'; do timeout 2 lldpcli -u "$WORK/sock" $q > /dev/null 2>&1; done; ip link set kl1 down; sleep 0.5; ip link set kl1 up; ip addr add 192.0.2.77/24 dev kl0; sleep 1.5; p=$(pgrep -o lldpd); kill -HUP "$p"; sleep 0.5; pkill -TERM -x lldpd; sleep 0.5; ip link del kl0
$TRACE $l -v; $TRACE $l --bad; $TRACE timeout 2 $l -d -u /nonexistent/x
exit 0
