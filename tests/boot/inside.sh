#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside the namespaces that boot.sh made: what a kernel gives to init, as far as it goes without
# the hardware, then init.
set -euo pipefail
root=$1 init=$2 mode=$3 machine=$4
quiet() { "$@" 2> /dev/null || true; }

# ELF magics by machine: class, byte order, type (program or shared), machine. The mask lets the
# ABI bytes and the type vary.
any='\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00'
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

# OpenWrt waits for a key, which must not come at once. BusyBox sets up its terminal, which stops it
# where that is another session's.
terminal=/dev/null
[ ! -e "$root/sbin/procd" ] || terminal=$(tty)

# An image that leaves a directory to its first script lacks it; a mount point must be there.
for name in proc sys dev tmp; do
    [ -e "$root/$name" ] || [ -L "$root/$name" ] || mkdir "$root/$name"
done
nodes=$(cd "$root/dev" && find . -mindepth 1 \( -type d -printf 'd %P\n' -o -type l -printf 'l %P %l\n' \))
wanted=$(cat "$root.nodes" 2> /dev/null || true)
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
quiet mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
# Devices that can be opened: kept out of sight, so that they can be put back (see below).
kept=$root/proc/fs
mount -t tmpfs tmpfs "$kept"
node() { # a path beneath dev: a device that can be opened and that says nothing
    [ -e "$kept/$1" ] && return
    local directory=${1%/*}
    [ "$directory" = "$1" ] || mkdir -p "$kept/$directory" "$root/dev/$directory"
    : > "$kept/$1"
    : > "$root/dev/$1"
    case $1 in
    console | tty | tty[01] | ttyS[01]) mount --bind "$terminal" "$kept/$1" ;;
    null | zero | full | random | urandom) mount --bind "/dev/$1" "$kept/$1" ;;
    kmsg | ptmx | watchdog) mount --bind /dev/null "$kept/$1" ;;
    mtd*[0-9] | nvram | caldata) printf '%65536s' '' > "$root/dev/$1" && return ;;
    *) return ;;
    esac
    mount --bind "$kept/$1" "$root/dev/$1"
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
# One half becomes init: pivot_root, detach the old root (system calls 155 and 166 of x86-64). The
# other half puts back the devices that every kernel has when the guest mounts a /dev of its own, as
# it cannot make them (165 is mount, 4096 is MS_BIND).
exec env -i HOME=/ TERM=linux PATH=/sbin:/usr/sbin:/bin:/usr/bin perl -e '
    my ($init, $kept) = @ARGV;
    if (fork() == 0) {
        chdir $kept or die "$kept: $!";
        open(STDIN, "<", "null"); open(STDOUT, ">", "null"); open(STDERR, ">", "null");
        while (1) {
            for my $name (qw(null zero full random urandom console tty ttyS0 kmsg)) {
                my ($from, $to, $type, $data) = ($name, "/dev/$name", "", "");
                next if -e $to || !-d "/dev";
                open(my $file, ">", $to) or next;
                syscall(165, $from, $to, $type, 4096, $data);
            }
            select(undef, undef, undef, 0.05);
        }
    }
    select(undef, undef, undef, 0.2);
    my ($new, $old, $here) = (".", ".", ".");
    syscall(155, $new, $old) == 0 or die "pivot_root: $!";
    syscall(166, $here, 2) == 0 or die "umount: $!";
    chdir "/"; exec { $init } $init or die "$init: $!"' "$init" "$kept" < "$terminal" > "$terminal" 2>&1
