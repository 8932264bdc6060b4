#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs Cowrie from PyPI at a port of loopback, for the bench of the honeypot; installs it first. Ends with the bench: it
# stays in the foreground. Cowrie refuses root, so it runs as nobody.
# usage: cowrie.sh DIRECTORY TELNET-PORT
set -euo pipefail
mkdir -p "$1"
place=$(realpath "$1")
port=$2
if [ ! -x "$place/venv/bin/twistd" ]; then
    echo "installing Cowrie into $1" >&2
    /usr/bin/python3 -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet cowrie==3.1.4
fi
state=$(mktemp -d /tmp/kakoi-cowrie.XXXXXX)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state"/{etc,var/log/cowrie,var/lib/cowrie/tty,var/lib/cowrie/downloads,var/run}
cat > "$state/etc/cowrie.cfg" <<CONFIG
[honeypot]
hostname = router
[ssh]
enabled = false
[telnet]
enabled = true
listen_endpoints = tcp:$port:interface=127.0.0.1
[output_jsonlog]
enabled = true
CONFIG
chown -R nobody "$state"
cd "$state"
setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME="$state" PYTHONDONTWRITEBYTECODE=1 \
    "$place/venv/bin/twistd" --umask=0022 --nodaemon --pidfile= --logfile=- cowrie &
trap 'kill $! 2>/dev/null; rm -rf "$state"' EXIT TERM INT
wait
