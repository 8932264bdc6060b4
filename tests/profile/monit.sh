#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A supervisor: checks, its web page, control, reload, stop.
cd "$WORK" || exit 1
m=$(command -v monit || echo /usr/bin/monit); : > f; printf 'set daemon 1\nset log %s/log\nset pidfile %s/pid\nset idfile %s/id\nset statefile %s/state\nset httpd port 18250 and use address 127.0.0.1 allow localhost\ncheck system here\n if loadavg (1min) > 100 then alert\ncheck file f with path %s/f\n if changed timestamp then exec "/bin/true"\ncheck filesystem root with path /\ncheck host h with address 127.0.0.1\n if failed port 1 then exec "/bin/true"\ncheck program p with path "/bin/true"\n if status != 0 then alert\n' "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" > conf; chmod 600 conf
$TRACE timeout 20 $m -I -c "$WORK/conf" & sleep 3; touch f; sleep 1.5; for q in status summary report 'unmonitor f' 'monitor f' reload; do timeout 3 $m -c "$WORK/conf" $q > /dev/null; done; curl -s -m 2 http://127.0.0.1:18250/ > /dev/null; mv log log.1; kill -HUP "$(cat pid)"; sleep 1.5; kill -USR1 "$(cat pid)"; sleep 0.5; kill -TERM "$(cat pid)"; sleep 0.7
$TRACE $m -t -c "$WORK/conf"; $TRACE $m -V > /dev/null; $TRACE $m --bad; $TRACE $m -c /nonexistent; $TRACE timeout 4 $m -c "$WORK/conf"; sleep 1; $TRACE timeout 3 $m -c "$WORK/conf" quit
exit 0
