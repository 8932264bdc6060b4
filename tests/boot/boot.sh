#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots the init of a root file system under user-mode QEMU and records every program executed.
# Nothing of it reaches the machine: user, mount, PID, network, IPC and host name namespaces of its
# own, only the root file system in view, no network but an unconnected loopback.
# usage: boot.sh ROOT INIT read-only|writable MACHINE SECONDS TRACE
#   MACHINE: arm armeb aarch64 mips mipsel x86-64, as user-mode QEMU names them
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$1 init=$2 mode=$3 machine=$4 seconds=$5 trace=$6
for tool in strace unshare script perl "qemu-$machine-static"; do
    command -v "$tool" > /dev/null || { echo "boot.sh: needs $tool (Debian: strace util-linux bsdutils perl-base qemu-user-static)" >&2; exit 2; }
done
# strace is outside of the namespaces: inside, nothing knows that it is watched. script gives a
# terminal on which nobody types; what is written there is kept beside the trace.
guest=(strace -f -q --seccomp-bpf --pidns-translation -ttt -e trace=execve,clone,clone3,fork,vfork
    -e signal=none -s 400 -o "$trace"
    timeout --signal KILL "$seconds"
    unshare --user --map-root-user --mount --pid --net --ipc --uts --fork --kill-child=KILL
    "$here/inside.sh" "$root" "$init" "$mode" "$machine")
exec script --quiet --flush --command "$(printf '%q ' "${guest[@]}")" "$trace.output" \
    < <(exec sleep "$seconds") > /dev/null
