#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
case "$1" in
start) miniupnpd -f /etc/miniupnpd.conf ;;
stop) killall miniupnpd ;;
esac
