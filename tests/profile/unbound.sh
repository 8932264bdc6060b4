#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A resolver without a network: local data, failing forwards, control, reload, rotation, stop.
cd "$WORK" || exit 1
u=$(command -v unbound || echo /usr/sbin/unbound); chmod 777 "$WORK"
printf 'server:\n interface: 127.0.0.1\n port: 18230\n do-daemonize: no\n username: ""\n chroot: ""\n directory: "%s"\n logfile: "%s/log"\n pidfile: "%s/pid"\n verbosity: 2\n num-threads: 2\n local-zone: "z.test." static\n local-data: "a.z.test. A 192.0.2.1"\n module-config: "iterator"\nremote-control:\n control-enable: yes\n control-interface: %s/ctl\n control-use-cert: no\nforward-zone:\n name: "."\n forward-addr: 127.0.0.1@1\n' "$WORK" "$WORK" "$WORK" "$WORK" > conf
$TRACE timeout 25 $u -c conf & sleep 1.5; d='dig @127.0.0.1 -p 18230 +time=1 +tries=1'; for q in a.z.test '+tcp a.z.test' none.z.test nothing.example '-x 192.0.2.1' 'CH TXT version.bind' '+dnssec a.z.test'; do $d $q > /dev/null; done; echo garbage | timeout 1 nc -u 127.0.0.1 18230
for q in status stats 'flush z.test' 'local_data b.z.test A 192.0.2.2' 'dump_cache' 'list_local_zones' 'log_reopen' 'reload' 'bad'; do timeout 3 unbound-control -c conf $q > /dev/null 2>&1; done; sleep 0.5; mv log log.1; kill -HUP "$(cat pid)"; sleep 0.7; $d a.z.test > /dev/null; kill -TERM "$(cat pid)"; sleep 0.7
$TRACE $u -V > /dev/null; $TRACE $u -c /nonexistent; echo bad > bad; $TRACE $u -c bad; $TRACE $u --bad; $TRACE $u -d -p -c conf & sleep 0.7; pkill -INT -x unbound; sleep 0.3
exit 0
