#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the root file system of a small router from Debian's armhf packages: real programs, and a
# start-up of the kind that vendors ship (inittab, rcS, telnetd).
# usage: rootfs.sh WORK-DIRECTORY TARGET-DIRECTORY
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$1 target=$2
rm -rf "$target"
"$here/foreign-packages.sh" armhf "$work" "$target" \
    busybox libc6 libgcc-s1 libcrypt1 zlib1g libssl3 libpcre2-8-0 libcap2 libtomcrypt1 libtommath1 libgmp10 \
    dropbear-bin lighttpd dnsmasq-base hostapd ppp miniupnpd iptables libxtables12 libip4tc2 \
    libip6tc2 libnl-3-200 libnl-genl-3-200 libnl-route-3-200 libmnl0 libnftnl11 libpcap0.8 libdbus-1-3 \
    libidn2-0 libunistring2 libnettle8 libhogweed6 libreadline8 libtinfo6 libpam0g
cd "$target"
# A device carries no manuals, translations or package tools.
rm -rf usr/share/{doc,man,locale,lintian,bug,perl5,bash-completion,dbus-1,applications,icons,pixmaps,polkit-1} \
    usr/share/doc-base usr/lib/arm-linux-gnueabihf/{gconv,audit} lib/systemd lib/udev usr/lib/tmpfiles.d var/cache
# /bin/sh, login and the rest are BusyBox's applets.
for applet in sh ls cat cp mv rm ln mkdir mount umount ps kill chmod chown echo grep sed dd df sleep hostname ping tar gzip; do
    ln -sf busybox "bin/$applet"
done
mkdir -p sbin usr/bin usr/sbin dev proc sys tmp root mnt var/run var/log www etc/init.d
for applet in init halt reboot ifconfig route insmod lsmod rmmod modprobe getty syslogd klogd mdev; do
    ln -sf ../bin/busybox "sbin/$applet"
done
for applet in telnetd httpd inetd crond udhcpd udhcpc; do ln -sf ../../bin/busybox "usr/sbin/$applet"; done
for applet in wget tftp telnet nc top free id killall awk cut tr logger; do ln -sf ../../bin/busybox "usr/bin/$applet"; done
cp -R "$here/overlay/." .
chmod 755 etc/init.d/rcS
chmod 1777 tmp
chmod 600 etc/shadow
chmod 666 etc/resolv.conf
