#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Downloads Debian packages of another architecture and unpacks them into a directory. Nothing is
# installed, and the lists and the status of the host's apt are not touched.
# usage: foreign-packages.sh ARCHITECTURE WORK-DIRECTORY TARGET-DIRECTORY PACKAGE...
set -euo pipefail
architecture=$1 work=$(mkdir -p "$2" && realpath "$2") target=$(mkdir -p "$3" && realpath "$3")
shift 3
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
: > "$work/status"
apt=(apt-get -qq -o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture"
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::State::status=$work/status"
    -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)")
if [ ! -e "$work/updated" ]; then
    # Other sources of the host may not know the architecture; what is missing shows on download.
    "${apt[@]}" update > "$work/update.log" 2>&1 || true
    touch "$work/updated"
fi
cd "$work/debs"
missing=()
for package in "$@"; do
    compgen -G "${package}_*_*.deb" > /dev/null || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    "${apt[@]}" download "${missing[@]}" > "$work/download.log" 2>&1 || {
        echo "foreign-packages: no download of ${missing[*]}:" >&2
        tail -n 5 "$work/update.log" "$work/download.log" >&2
        exit 1
    }
fi
for package in "$@"; do
    dpkg-deb --extract "$(compgen -G "${package}_*_*.deb" | head -n 1)" "$target"
done
