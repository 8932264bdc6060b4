#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An apt of its own beneath a folder, which leaves that of the machine alone. usage: apt.sh FOLDER "SUITE…" "ARCHITECTURE…"
# Used as APT_CONFIG=FOLDER/apt.conf. Lists are fetched once.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '3s/^# .*usage/usage/p' "$0" >&2; exit 2; }
dir=$1
mkdir -p "$dir"/{lists/partial,cache/archives/partial}
cat > "$dir/apt.conf" << END
Dir::State "$dir/";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
APT::Architectures "${3// /,}";
Acquire::Languages "none";
Debug::NoLocking "true";
APT::Sandbox::User "root";
END
touch "$dir/status"
for suite in $2; do
    for place in "debian $suite" "debian-security $suite-security"; do
        echo "deb [arch=${3// /,}] http://deb.debian.org/$place main"
        echo "deb-src http://deb.debian.org/$place main"
    done
done > "$dir/sources.list"
[ -e "$dir/fetched" ] || { APT_CONFIG=$dir/apt.conf apt-get -qq update && touch "$dir/fetched"; }
