#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches pairs of Debian packages before and after security fixes, and what their source packages change, for `cargo xtask patches`.
# usage: pairs.sh DIR TABLE            what a table of pairs names (silent-patch-pairs.tsv)
#        pairs.sh DIR packages NAME…   pairs of these packages in the suites that are still served, with a table of them
# DIR gets silent-patch-pairs.tsv, debpairs/*.deb, sources/*.debian.tar.xz and sources/package.map. What is there is not fetched again.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '4,5s/^# //p' "$0" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
mkdir -p "$1"
dir=$(cd "$1" && pwd)
mkdir -p "$dir/debpairs" "$dir/sources"
suites=(bullseye bookworm trixie)
machines=(amd64 arm64)

"$here/apt.sh" "$dir/apt" "${suites[*]}" "${machines[*]}"
export APT_CONFIG=$dir/apt/apt.conf

# Versions of a package that a suite and its security suite have, with equal upstream part.
find_pairs() {
    local name suite machine old new upstream known
    for machine in "${machines[@]}"; do
        known=$(apt-cache madison "${@/%/:$machine}" | awk -F'|' '/ Packages/ { gsub(/^ +| +$/, "", $1); sub(/:.*/, "", $1); gsub(/ /, "", $2); print $1, $2, $3 }')
        for name in "$@"; do
            for suite in "${suites[@]}"; do
                old=$(awk -v n="$name" -v s="debian $suite/main" '$1 == n && index($0, s) { print $2; exit }' <<< "$known")
                new=$(awk -v n="$name" -v s="$suite-security/main" '$1 == n && index($0, s) { print $2; exit }' <<< "$known")
                upstream=$(sed 's/^[0-9]*://; s/-[^-]*$//' <<< "$old")
                [ -n "$old" ] && [ -n "$new" ] && dpkg --compare-versions "$old" lt "$new" || continue
                [ "$upstream" = "$(sed 's/^[0-9]*://; s/-[^-]*$//' <<< "$new")" ] || continue
                printf '%s\t%s\t%s\t%s\t%s\t%s\tyes\t-\t%s_%s_%s.deb\t%s_%s_%s.deb\t\n' "$name" "$machine" "$upstream" "$old" "$new" \
                    "$suite->$suite-security" "$name" "${old#*:}" "$machine" "$name" "${new#*:}" "$machine"
            done
        done
    done
}

if [ "$2" = packages ]; then
    { echo "package	arch	upstream	old_version	new_version	suites	obtained	CVEs_fixed_per_changelog	old_deb	new_deb	note"; find_pairs "${@:3}"; } > "$dir/silent-patch-pairs.tsv"
else
    cp "$2" "$dir/silent-patch-pairs.tsv"
fi

cd "$dir/debpairs"
wanted=()
while IFS=$'\t' read -r name arch _ old new _ _ _ old_deb new_deb _; do
    [ -s "$old_deb" ] || wanted+=("$name:${arch/%all/amd64}=$old")
    [ -s "$new_deb" ] || wanted+=("$name:${arch/%all/amd64}=$new")
done < <(tail -n +2 "$dir/silent-patch-pairs.tsv")
# A version that the lists do not have stops the whole request.
known=$(apt-cache madison $(printf '%s\n' "${wanted[@]%%=*}" | sort -u) 2> /dev/null | awk -F'|' '/ Packages/ { gsub(/ /, ""); sub(/^[^:]*$/, "&:amd64", $1); print $1 "=" $2 }' || true)
fetch=()
for one in "${wanted[@]}"; do
    if grep -qxF "$one" <<< "$known"; then fetch+=("$one"); else echo "not served: $one" >&2; fi
done
[ "${#fetch[@]}" -eq 0 ] || apt-get -qq download "${fetch[@]}" || true
# apt writes the epoch into the name, the table does not.
for got in *%3a*.deb; do [ -e "$got" ] && mv "$got" "$(sed 's/_[0-9]*%3a/_/' <<< "$got")"; done

# Where the indexes of sources say that an archive lies: source, version, address.
cd "$dir/sources"
touch package.map
for index in ../apt/lists/*_source_Sources*; do
    host=$(basename "$index"); host=http://${host%%_dists_*}
    /usr/lib/apt/apt-helper cat-file "$index" | awk -v root="${host//_//}" '
        /^Package: / { name = $2 } /^Version: / { version = $2 } /^Directory: / { place = $2 }
        /^ [0-9a-f]+ [0-9]+ .*\.debian\.tar\./ { file = $3 }
        /^$/ { if (file) print name, version, root "/" place "/" file; file = "" }
        END { if (file) print name, version, root "/" place "/" file }'
done > index.txt
tail -n +2 "$dir/silent-patch-pairs.tsv" | while IFS=$'\t' read -r name arch _ old new _ _ _ old_deb new_deb _; do
    for one in "$old $old_deb" "$new $new_deb"; do
        deb=${one#* }
        grep -qF " $deb " package.map && continue
        [ -e "../debpairs/$deb" ] || continue
        source=$(dpkg-deb -f "../debpairs/$deb" Source)
        version=$(sed -n 's/.*(\(.*\)).*/\1/p' <<< "$source")
        source=${source%% *}; source=${source:-$name}; version=${version:-${one%% *}}
        version=$(sed 's/+b[0-9]*$//' <<< "$version")
        address=$(awk -v s="$source" -v v="$version" '$1 == s && $2 == v { print $3; exit }' index.txt)
        archive=${address##*/}
        [ -z "$archive" ] || [ -e "$archive" ] || curl -sf -o "$archive" "$address" || archive=
        if [ -n "$archive" ]; then echo "$name $deb $archive" >> package.map; else echo "no source served: $source $version" >&2; fi
    done
done
