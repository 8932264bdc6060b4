#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Listings of every kind, and errors. Everything runs under $TRACE, in the empty directory $WORK.
cd "$WORK" || exit 1
mkdir -p d/e; echo text > d/file; ln -s file d/link; ln -s nowhere d/broken; mkfifo d/pipe; chmod +x d/file
$TRACE ls; $TRACE ls -laR d; $TRACE ls -lihZ --color=always d; $TRACE ls -1 --full-time -u -c d
$TRACE ls -l /dev /etc; $TRACE ls -n /proc/self/fd; $TRACE ls -l --author -g -o d; $TRACE ls -lL d
$TRACE ls /nonexistent; $TRACE ls -ld /root; $TRACE ls -sS d; $TRACE ls -lX --time-style=long-iso d
$TRACE ls --help; $TRACE ls --version; $TRACE ls --bad-option
$TRACE ls -l / > /dev/full; LC_ALL=C.UTF-8 $TRACE ls -lh d; LC_ALL=de_DE.UTF-8 $TRACE ls d
TZ=Europe/Berlin $TRACE ls -l d; $TRACE ls -d d/* | cat
$TRACE timeout -k 1 6 script -qc 'ls --color=auto -C' /dev/null < /dev/null
(sleep 1 | $TRACE ls -R /usr/share/doc) | head -1; $TRACE timeout 0.2 ls -lR /usr; true
