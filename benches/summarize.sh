#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ten million log lines summarised on this machine: benches/summarize.sh [LINES]
# Prints what GNU time says of `kakoi honeypot summarize`. The log is kept in target/bench for the next run; KAKOI_BIN names
# another program than that of a release build.
set -eu
cd "$(dirname "$0")/.."
lines=${1:-10000000}
log=target/bench/cowrie-$lines.jsonl
mkdir -p target/bench
[ -e "$log" ] || { python3 benches/cowrie_log.py "$lines" >"$log.part" && mv "$log.part" "$log"; }
kakoi=${KAKOI_BIN:-target/release/kakoi}
[ -n "${KAKOI_BIN:-}" ] || cargo build --quiet --release --package kakoi-cli
ls -l "$log"
/usr/bin/time -f '%e s elapsed, %U s user, %S s system, %M KiB peak' \
    "$kakoi" honeypot summarize "$log" --top 6
