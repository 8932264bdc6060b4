#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches and builds what `cargo xtask similarity DIR` measures: programs of Debian in several suites and architectures, and C sources
# built here by two compilers with several flags. usage: similar.sh DIR
# Needs gcc, clang, dpkg-dev and what tools/install.sh lists for `bench`; what is there is not fetched again.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '4s/^# .*usage/usage/p' "$0" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
mkdir -p "$1"
dir=$(cd "$1" && pwd)
suites=(bullseye bookworm trixie)
machines=(amd64 arm64)
packages=(busybox dropbear-bin libexpat1 libcurl4 libmodbus5 mosquitto unzip libcjson1 libevent-2.1-7 liblzma5 libnghttp2-14 libssh-4
    libtasn1-6 memcached rsync dnsmasq-base lighttpd wget iperf3 tcpdump libpcap0.8 hostapd libgif7 libpng16-16 libtiff5 libtommath1
    libmatio11 libmpg123-0 libopenjp2-7 libsodium23 libxslt1.1 libjq1 libbrotli1 libpcre2-8-0 libsasl2-2 libyaml-0-2 liblz4-1
    libzstd1 libmicrohttpd12 socat ethtool iproute2 iptables ntpsec minicom screen lrzsz)
# Sources whose C files build without a configuration: name, folder of the files.
sources=(cjson:. lz4:lib bzip2:. lua5.4:src zlib:. xxhash:. inih:. libyaml:src)

mkdir -p "$dir"/apt/{lists/partial,cache/archives/partial} "$dir/debs" "$dir/files" "$dir/sources"
"$here/apt.sh" "$dir/apt" "${suites[*]}" "${machines[*]}"
export APT_CONFIG=$dir/apt/apt.conf

cd "$dir/debs"
: > "$dir/files.tsv.new"
# Name, architecture, version, suite: a suite has one compiler, and Debian strips what would tell it.
for machine in "${machines[@]}"; do
    apt-cache madison "${packages[@]/%/:$machine}" | awk -F'|' -v m="$machine" '$3 ~ / Packages/ {
        split($3, place, " "); suite = place[2]; sub(/[-\/].*/, "", suite)
        gsub(/ /, ""); sub(/:.*/, "", $1); if (!seen[$1, $2]++) print $1, m, $2, suite }'
done | sort -u > "$dir/versions"
wanted=()
while read -r name machine version suite; do
    [ -s "${name}_${version//:/%3a}_$machine.deb" ] || wanted+=("$name:$machine=$version")
done < "$dir/versions"
[ "${#wanted[@]}" -eq 0 ] || apt-get -qq download "${wanted[@]}" || true
while read -r name machine version suite; do
    deb=${name}_${version//:/%3a}_$machine.deb
    [ -s "$deb" ] || continue
    into=$dir/files/${deb%.deb}
    [ -d "$into" ] || dpkg-deb -x "$deb" "$into"
    # The largest program of the package.
    program=$(find "$into" -type f -size +8k -printf '%s %P\n' | sort -rn | while read -r _ path; do
        head -c4 "$into/$path" | grep -q ELF && { echo "$path"; break; }
    done || true)
    [ -n "$program" ] || continue
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "files/${deb%.deb}/$program" "$name" "$version" "$machine" "$suite" "$name" >> "$dir/files.tsv.new"
done < "$dir/versions"

cd "$dir/sources"
for one in "${sources[@]}"; do
    name=${one%%:*} folder=${one#*:}
    [ -d "$name" ] || { apt-get -qq source --download-only --tar-only "$name/bookworm" 2> /dev/null || continue
        mkdir "$name" && tar -C "$name" --strip-components=1 -xf "$(ls "$name"_*.orig.tar.* | grep -v asc | head -n 1)"; }
    for compiler in gcc clang; do
        for level in O0 Os O2 O3; do
            built=$dir/files/built-$name-$compiler-$level.so
            if [ ! -e "$built" ]; then
                objects=$(mktemp -d)
                for file in "$name/$folder"/*.c; do
                    "$compiler" -"$level" -fPIC -w -I"$name/$folder" -I"$name/include" -I"$name" -DHAVE_CONFIG_H=0 -c "$file" -o "$objects/$(basename "$file").o" 2> /dev/null || true
                done
                "$compiler" -shared -Wl,-z,muldefs -o "$built" "$objects"/*.o -lm 2> /dev/null && strip "$built" || rm -f "$built"
                rm -r "$objects"
            fi
            [ -e "$built" ] && printf '%s\tbuilt-%s\t1-1\tamd64\t%s\tbuilt-%s\n' "files/built-$name-$compiler-$level.so" "$name" "$compiler-$level" "$name" >> "$dir/files.tsv.new"
        done
    done
done
mv "$dir/files.tsv.new" "$dir/files.tsv"
echo "$(wc -l < "$dir/files.tsv") programs in $dir/files.tsv"
