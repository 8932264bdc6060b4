#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Speed of the honeypot beside Cowrie, in one run: sessions and logins a second, CPU seconds of each (of the server and all that
# it started, by the kernel's account), memory of held sessions, cost of a recorded call, start of a MIPS persona.
# Needs root, and the package that tools/cowrie.sh fetches. usage: honeypot.sh [HELD]
set -euo pipefail
top=$(realpath "$(dirname "$0")/..")
held=${1:-500}
bin=${BIN:-$top/target/release/examples}
work=$(mktemp -d /tmp/kakoi-bench.XXXXXX)
group=/sys/fs/cgroup/cpuacct/kakoi-bench-$$
[ -d /sys/fs/cgroup/cpuacct ] || group=/sys/fs/cgroup/kakoi-bench-$$
started=()
finish() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
    sleep 2
    rmdir "$group"-* 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

settings() {
    printf '%s\nfailure_delay_ms = 0\npool = 8\n[limits]\nconnections = 2048\nconnections_per_address = 2048\n%s\n' "$1" "${2:-}"
}
# serve NAME PORT PROGRAM...: starts a server in a group of its own, and waits until it listens.
serve() {
    local name=$1 port=$2
    shift 2
    mkdir -p "$group-$name"
    bash -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$group-$name" "$@" > "$work/$name.out" 2> "$work/$name.err" &
    started+=($!)
    for _ in $(seq 600); do
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.1
    done
    cat "$work/$name.err" >&2
    exit 1
}
# CPU milliseconds of a server and all that it started.
cpu() {
    if [ -e "$group-$1/cpuacct.usage" ]; then
        echo $(($(cat "$group-$1/cpuacct.usage") / 1000000))
    else
        awk '/^usage_usec/ { print int($2 / 1000) }' "$group-$1/cpu.stat"
    fi
}
# load NAME PORT MODE COUNT AT-ONCE
load() {
    local before after said
    before=$(cpu "$1")
    said=$("$bin/load" "127.0.0.1:$2" "$3" "$4" "$5" < /dev/null)
    sleep 1
    after=$(cpu "$1")
    echo "$1: $said, $(((after - before) / $4)).$((((after - before) * 10 / $4) % 10)) ms of CPU each"
}

serve cowrie 24890 "$top/tools/cowrie.sh" "$top/target/bench/cowrie" 24890
settings 'recording = "bpf"' > "$work/bpf.toml"
serve kakoi 24891 "$bin/serve" 127.0.0.1:24891 "$work/bpf.toml"
settings $'recording = "bpf"\nearly_cells = true' > "$work/early.toml"
serve kakoi-early 24892 "$bin/serve" 127.0.0.1:24892 "$work/early.toml"
settings 'recording = "ptrace"' > "$work/ptrace.toml"
serve kakoi-ptrace 24893 "$bin/serve" 127.0.0.1:24893 "$work/ptrace.toml"
settings 'recording = "none"' > "$work/none.toml"
serve kakoi-none 24894 "$bin/serve" 127.0.0.1:24894 "$work/none.toml"

echo "== nine-command session"
load cowrie 24890 session 20 4
load kakoi 24891 session 100 4
load cowrie 24890 session 20 4
load kakoi 24891 session 100 4
load kakoi-ptrace 24893 session 40 4
load kakoi-none 24894 session 40 4
echo "== login to the prompt, and leave"
load cowrie 24890 login 100 4
load kakoi 24891 login 1000 4
load kakoi-early 24892 login 1000 4
echo "== 400,000 calls (dd, one byte at a time): CPU seconds of the process that makes them"
for name in none:24894:3 bpf:24891:3 ptrace:24893:1; do
    IFS=: read -r way port times <<< "$name"
    echo "$way: $("$bin/load" "127.0.0.1:$port" calls "$times" 1 < /dev/null)"
done
echo "== lost events"
grep -ho '"lost":[0-9]*' "$work/kakoi.out" | sort | uniq -c

echo "== $held sessions held, each with a line typed"
kill "${started[@]:1}"
started=("${started[0]}")
sleep 3
settings $'recording = "bpf"' '[cell]
processes = 16' > "$work/held.toml"
serve held 24895 "$bin/serve" 127.0.0.1:24895 "$work/held.toml"
server=${started[-1]}
available() { awk '/^MemAvailable/ { print $2 }' /proc/meminfo; }
# The server and all that it started.
family() {
    ps -eo pid=,ppid= | awk -v root="$server" '{ parent[$1] = $2 }
        END { for (p in parent) { q = p; while (q > 1 && q != root) q = parent[q]; if (q == root) print p } }'
}
# Memory of their processes in kB: what several share is divided among them.
pss() { family | sed 's|.*|/proc/&/smaps_rollup|' | xargs cat 2>/dev/null | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'; }
# Memory in kB that the kernel itself holds for them, by the account of control groups of cells; of their files too.
charged() {
    if [ -d /sys/fs/cgroup/memory ]; then
        cat /sys/fs/cgroup/memory/kakoi-honeypot-"$server"/*/memory.kmem.usage_in_bytes 2>/dev/null | awk '{ sum += $1 } END { print int(sum / 1024) }'
    else
        cat /sys/fs/cgroup/kakoi-honeypot-"$server"/*/memory.stat 2>/dev/null | awk '$1 == "kernel" { sum += $2 } END { print int(sum / 1024) }'
    fi
}
sleep 2
before=$(available)
pss_before=$(pss) charged_before=$(charged)
mkfifo "$work/stay"
"$bin/load" 127.0.0.1:24895 hold "$held" 8 < "$work/stay" > "$work/hold" &
exec 4> "$work/stay"
until grep -q '^held' "$work/hold"; do sleep 1; done
sleep 3
after=$(available)
cat "$work/hold"
processes=$(($(pss) - pss_before)) kernel=$(($(charged) - charged_before))
echo "of all processes together: $((processes / held)) kB each"
echo "of the kernel for the cells: $((kernel / held)) kB each"
echo "both: $(((processes + kernel) / held)) kB each, $(family | wc -l) processes"
echo "memory available to the whole machine fell by $(((before - after) / held)) kB each"
exec 4>&-
sleep 5
kill "${started[@]:1}"

if [ -d "$top/target/personas/mipsel-router" ]; then
    echo "== MIPS persona: login and leave, and a session"
    sed -e "s|^rootfs *= *\"|&$top/target/personas/mipsel-router/|; s|^busybox *= *\"|&$top/target/personas/mipsel-router/|" \
        "$top/target/personas/mipsel-router/persona.toml" > "$work/persona"
    { printf 'recording = "bpf"\nfailure_delay_ms = 0\nearly_cells = true\n'; cat "$work/persona"; } > "$work/mips.toml"
    serve mips 24896 "$bin/serve" 127.0.0.1:24896 "$work/mips.toml"
    load mips 24896 login 40 2
    load mips 24896 session 20 2
fi
