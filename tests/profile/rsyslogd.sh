#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Messages from a socket, UDP, TCP and files, forwarded, rotated, dropped; reload and stop.
cd "$WORK" || exit 1
r=$(command -v rsyslogd || echo /usr/sbin/rsyslogd)
cat > conf <<END
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$WORK/s")
module(load="imudp")
input(type="imudp" port="18160" address="127.0.0.1")
module(load="imtcp")
input(type="imtcp" port="18160" address="127.0.0.1")
module(load="imfile" mode="inotify")
input(type="imfile" file="$WORK/in" tag="t:")
module(load="immark" interval="1")
\$WorkDirectory $WORK
*.* $WORK/log
*.err @127.0.0.1:1
*.crit @@127.0.0.1:1
local1.* |$WORK/pipe
local2.* :omusrmsg:root
:msg, contains, "drop" stop
local3.* action(type="omfile" dynaFile="d" dirCreateMode="0755")
template(name="d" type="string" string="$WORK/dyn/%programname%")
END
mkfifo pipe; : > in; $TRACE timeout 30 $r -n -f "$WORK/conf" -i "$WORK/pid" & sleep 1.5
for f in user.info local0.err auth.crit local1.info local2.info local3.info kern.warning; do logger -u "$WORK/s" -p $f hello; logger -n 127.0.0.1 -P 18160 -d -p $f udp; logger -n 127.0.0.1 -P 18160 -T -p $f tcp; done; logger -u s drop; echo line >> in; sleep 0.5; mv in in.1; echo more > in; sleep 0.5; mv log log.1; kill -HUP "$(cat pid)"; sleep 0.5; logger -u s after; kill -USR1 "$(cat pid)"; sleep 1.5; kill -TERM "$(cat pid)"; sleep 1
$TRACE timeout 3 $r -f "$WORK/conf" -i "$WORK/pid2"; sleep 1; kill -INT "$(cat pid2)" 2> /dev/null; $TRACE $r -v; $TRACE $r -N1 -f "$WORK/conf"; $TRACE timeout 3 $r -n -f /nonexistent -i "$WORK/pid3"; $TRACE $r --bad
exit 0
