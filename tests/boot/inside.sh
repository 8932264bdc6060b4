#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside the namespaces that boot.sh made: what a kernel gives to init, as far as it goes without
# the hardware, then init.
set -euo pipefail
root=$1 init=$2 mode=$3 machine=$4
quiet() { "$@" 2> /dev/null || true; }

# ELF magics by machine: class, byte order, type (program or shared), machine. The mask lets the
# ABI bytes and the type vary.
any='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff'
little='\xfe\xff\xff\xff' big='\xff\xfe\xff\xff'
head='\x7fELF\x01' rest='\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00'
case $machine in
arm) magic="$head\x01$rest\x02\x00\x28\x00" mask=$any$little ;;
armeb) magic="$head\x02$rest\x00\x02\x00\x28" mask=$any$big ;;
aarch64) magic="\x7fELF\x02\x01$rest\x02\x00\xb7\x00" mask=$any$little ;;
mips) magic="$head\x02$rest\x00\x02\x00\x08" mask=$any$big ;;
mipsel) magic="$head\x01$rest\x02\x00\x08\x00" mask=$any$little ;;
x86-64) magic= ;;
*) echo "inside.sh: unknown machine $machine" >&2; exit 2 ;;
esac

# An image that leaves a directory to its first script lacks it; a mount point must be there.
mkdir -p "$root"/{proc,sys,dev,tmp}
nodes=$(cd "$root/dev" && find . -mindepth 1 \( -type d -printf 'd %P\n' -o -type l -printf 'l %P %l\n' \))
wanted=$(cat "$root.nodes" 2> /dev/null || true)
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
quiet mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
node() { # a path beneath dev: a device that can be opened and that says nothing
    [ -e "$root/dev/$1" ] && return
    mkdir -p "$(dirname "$root/dev/$1")"
    case $1 in
    mtd*[0-9] | mtdblock* | mtdr* | nvram | caldata) head -c 65536 /dev/zero | tr '\0' '\377' > "$root/dev/$1" ;;
    zero | full | random | urandom) : > "$root/dev/$1"; mount --bind "/dev/$1" "$root/dev/$1" ;;
    *) : > "$root/dev/$1"; mount --bind /dev/null "$root/dev/$1" ;;
    esac
}
while read -r kind name target; do
    case $kind in
    d) mkdir -p "$root/dev/$name" ;;
    l) ln -s "$target" "$root/dev/$name" ;;
    esac
done <<< "$nodes"
for name in null zero full random urandom console tty tty0 tty1 ttyS0 ttyS1 kmsg ptmx $wanted; do
    node "$name"
done
mount -t binfmt_misc binfmt_misc "$root/proc/sys/fs/binfmt_misc"
if [ -n "$magic" ]; then
    # F: the interpreter is opened now, so it need not be in view later.
    printf '%s' ":guest:M:0:$magic:$mask:$(command -v "qemu-$machine-static"):F" > "$root/proc/sys/fs/binfmt_misc/register"
fi
[ "$mode" = writable ] || mount -o remount,bind,ro "$root"
quiet ip link set lo up
cd "$root"
# pivot_root, detach the old root, become init (system calls 155 and 166 of x86-64).
exec env -i HOME=/ TERM=linux PATH=/sbin:/usr/sbin:/bin:/usr/bin perl -e '
    my ($new, $old, $here) = (".", ".", ".");
    syscall(155, $new, $old) == 0 or die "pivot_root: $!";
    syscall(166, $here, 2) == 0 or die "umount: $!";
    chdir "/"; exec { $ARGV[0] } $ARGV[0] or die "$ARGV[0]: $!"' "$init"
