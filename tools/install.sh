#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a target of the Makefile needs and this machine lacks, and says so.
# usage: install.sh build|demo|test|vm|bench|profiles
set -euo pipefail
# clang and llvm compile bpf/; libelf and zlib are libbpf's.
build=(gcc libc6-dev make clang llvm libelf-dev zlib1g-dev pkg-config)
image=(squashfs-tools u-boot-tools device-tree-compiler openssl)
forms=(mtd-utils genromfs erofs-utils e2fsprogs util-linux-extra android-sdk-libsparse-utils mkbootimg cpio python3)
formats=(cramfsswap dosfstools mtools fdisk lz4 lzop zstd xz-utils bzip2 lzip zip p7zip-full ncompress arj genisoimage cryptsetup-bin btrfs-progs binutils rpm gcab makeself f2fs-tools)
compilers=(gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-mipsel-linux-gnu gcc-mips-linux-gnu
    libc6-armel-cross libc6-mips64el-cross libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-mipsel-cross libc6-dev-mips-cross musl-tools)
guard=(clang qemu-user-static)
honeypot=(busybox-static strace inetutils-telnet expect openssh-client dropbear-bin bsdutils gcc libc6-dev qemu-user-static)
guests=(qemu-system-x86 qemu-system-arm qemu-system-mips xz-utils dpkg gcc-mips64el-linux-gnuabi64 libc6-dev-mips64el-cross squashfs-tools bc flex bison libssl-dev apparmor secilc)
workloads=(bind9-dnsutils busybox-static chrony cron curl dnsmasq-base dropbear-bin haproxy hostapd iperf3 iproute2 iputils-ping lighttpd lldpd memcached
    monit mosquitto mosquitto-clients netcat-openbsd nginx-light openssh-client openssh-server openssl procps radvd redis-server redis-tools rsync rsyslog samba smbclient
    snmp snmpd socat strace tftpd-hpa tinyproxy unbound vsftpd wget)
case ${1:-} in
build) wanted=("${build[@]}") ;;
demo) wanted=("${build[@]}" "${image[@]}") ;;
test) wanted=("${build[@]}" "${image[@]}" "${forms[@]}" "${formats[@]}" "${compilers[@]}" "${guard[@]}" "${guests[@]}" "${honeypot[@]}" libcapstone-dev libseccomp-dev checksec binutils dpkg python3-venv chromium) ;;
vm) wanted=("${build[@]}" "${compilers[@]}" "${guard[@]}" "${guests[@]}") ;;
bench) wanted=("${build[@]}" "${compilers[@]}" libcapstone-dev libseccomp-dev "${image[@]}" "${forms[@]}" time python3-venv unar p7zip-full partclone lziprecover sleuthkit lz4 lzop zstd ssdeep clang dpkg-dev curl binutils) ;;
profiles) wanted=("${build[@]}" "${workloads[@]}") ;;
*) echo "usage: install.sh build|demo|test|vm|bench|profiles" >&2; exit 2 ;;
esac
missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null | grep -q '^installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0
echo "installing for 'make ${1}': ${missing[*]}" >&2
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "install.sh: not root and no sudo; install them yourself: ${missing[*]}" >&2; exit 1; }
    root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ "${root[@]}" apt-get -qq update && "${root[@]}" apt-get -qq -y install --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    exit 1
}
