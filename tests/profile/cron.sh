#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Jobs: one that runs, one that fails, reload of tables, stop. The daemon waits for the minute, so it is looked at for a while only.
cd "$WORK" || exit 1
c=$(command -v cron || echo /usr/sbin/cron); saved=$(crontab -l 2> /dev/null)
printf '* * * * * /bin/echo hello\n* * * * * /bin/false\n@reboot /bin/true\n' | crontab -
$TRACE timeout 75 $c -f -L 15 & sleep 3; printf '* * * * * /bin/true\nbad line\n' > bad; crontab bad; printf '* * * * * /bin/echo again; exit 3\n' | crontab -; sleep 62
p=$(pgrep -x -n cron); kill -HUP "$p"; sleep 0.3; kill -TERM "$p"; $TRACE timeout 2 $c -f; $TRACE $c --bad; $TRACE timeout 3 $c -P; kill "$(cat /run/crond.pid)" 2> /dev/null
if [ -n "$saved" ]; then echo "$saved" | crontab -; else crontab -r; fi
exit 0
