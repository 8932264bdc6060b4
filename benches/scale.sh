#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches Debian packages for armhf and mipsel, of whose files `cargo xtask scale DIR WORK` makes images. usage: scale.sh DIR
set -euo pipefail
[ $# -eq 1 ] || { sed -n '3s/^# .*usage/usage/p' "$0" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
mkdir -p "$1/firmware"
dir=$(cd "$1" && pwd)
machines=(armhf mipsel)
packages=(busybox dropbear-bin dnsmasq-base lighttpd hostapd wpasupplicant iptables iproute2 ppp pppoe igmpproxy miniupnpd ntpsec
    tcpdump curl wget openssl libssl3 libcurl4 libexpat1 zlib1g libpcap0.8 libevent-2.1-7 libjson-c5 libubox20220927 mosquitto memcached
    socat ethtool usbutils pciutils mtd-utils u-boot-tools e2fsprogs dosfstools net-tools iputils-ping iputils-tracepath
    bridge-utils vlan ebtables ipset strongswan-charon openvpn xl2tpd radvd vsftpd proftpd-core samba-libs minidlna uhttpd lldpd
    snmpd libsnmp40 libc6 libc-bin base-files netbase udhcpc udhcpd avahi-daemon libgcc-s1 bash dash coreutils util-linux procps)
"$here/apt.sh" "$dir/apt" bookworm "${machines[*]}"
export APT_CONFIG=$dir/apt/apt.conf
cd "$dir/firmware"
wanted=()
for machine in "${machines[@]}"; do
    for name in $(apt-cache madison "${packages[@]/%/:$machine}" 2> /dev/null | awk -F'|' '/ Packages/ { gsub(/ /, ""); sub(/:.*/, "", $1); print $1 }' | sort -u); do
        ls "${name}"_*_"$machine".deb > /dev/null 2>&1 || wanted+=("$name:$machine")
    done
done
[ "${#wanted[@]}" -eq 0 ] || apt-get -qq download "${wanted[@]}" || true
echo "$(ls | wc -l) packages"
