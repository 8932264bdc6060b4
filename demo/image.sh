#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the demo image: a uImage of the Debian installer's armhf kernel, padding, and a squashfs
# of the root file system that rootfs.sh makes, as on a router's flash.
# usage: image.sh WORK-DIRECTORY OUTPUT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
work=$(realpath "$1") output=$(realpath -m "$2")
"$here/rootfs.sh" "$work/apt" "$work/rootfs"
"$here/foreign-packages.sh" armhf "$work/apt" "$work/installer" debian-installer-12-netboot-armhf
kernel=$(find "$work/installer" -name vmlinuz | sort | head -n 1)
mkimage -A arm -O linux -T kernel -C none -a 0x80008000 -e 0x80008000 -n 'Linux kakoi-demo' \
    -d "$kernel" "$work/uImage" > /dev/null
mksquashfs "$work/rootfs" "$work/rootfs.squashfs" -comp xz -b 256k -all-root -noappend -no-progress -quiet \
    -mkfs-time 1700000000 -all-time 1700000000 > /dev/null
{
    cat "$work/uImage"
    # The root file system starts at the next erase block.
    size=$(stat -c %s "$work/uImage")
    head -c $(((65536 - size % 65536) % 65536)) /dev/zero | tr '\0' '\377'
    cat "$work/rootfs.squashfs"
} > "$output"
