#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An access point without a radio: configuration, errors, a wired authenticator on a pair of interfaces, control, reload, stop.
cd "$WORK" || exit 1
h=$(command -v hostapd || echo /usr/sbin/hostapd)
ip link add ka0 type veth peer name ka1 2> /dev/null; ip link set ka0 up; ip link set ka1 up
printf 'interface=ka0\ndriver=wired\nctrl_interface=%s/ctrl\nieee8021x=1\neap_server=1\neap_user_file=%s/users\nuse_pae_group_addr=1\nlogger_stdout=-1\n' "$WORK" "$WORK" > conf; printf '"u" MD5 "x"\n' > users
$TRACE timeout 10 $h -P pid conf > /dev/null & sleep 1.5
for q in ping status interface all_sta mib 'get_config' 'log_level' 'reload' 'relog' 'disable' 'enable' 'bad' 'note hello'; do timeout 2 hostapd_cli -p "$WORK/ctrl" $q > /dev/null; done; p=$(pgrep -n hostapd); kill -HUP "$p"; sleep 0.4; kill -USR1 "$p"; sleep 0.4; timeout 2 hostapd_cli -p "$WORK/ctrl" terminate > /dev/null; sleep 0.5
printf 'interface=nowlan0\ndriver=nl80211\nssid=x\nhw_mode=g\nchannel=1\n' > wl; $TRACE timeout 4 $h wl; $TRACE timeout 4 $h -B -P "$WORK/pid2" -f "$WORK/log" conf; sleep 0.7; kill "$(cat pid2)" 2> /dev/null; $TRACE $h /nonexistent; $TRACE $h -v; $TRACE $h -x; echo 'bad' > bad; $TRACE $h -dd bad; ip link del ka0
exit 0
