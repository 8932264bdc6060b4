#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the tools that the bench measures kakoi against, from their package registries.
# usage: peers.sh DIRECTORY
set -euo pipefail
mkdir -p "$1"
peers=$(realpath "$1")
if [ ! -x "$peers/unblob/bin/unblob" ]; then
    echo "installing unblob into $1" >&2
    python3 -m venv "$peers/unblob"
    "$peers/unblob/bin/pip" install --quiet unblob
fi
if [ ! -x "$peers/binwalk/bin/binwalk" ]; then
    echo "building binwalk 3.1.0 into $1" >&2
    cargo install --quiet --locked --root "$peers/binwalk" binwalk@3.1.0
fi
# unblob hands squashfs to sasquatch, which no registry carries; for little-endian version 4
# unsquashfs takes the same arguments but that of the byte order.
mkdir -p "$peers/shim"
printf '#!/bin/sh\n[ "$1" = -le ] && shift\nexec unsquashfs "$@"\n' > "$peers/shim/sasquatch"
chmod +x "$peers/shim/sasquatch"
