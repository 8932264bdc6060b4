// SPDX-License-Identifier: Apache-2.0
//! Learns what BusyBox's web server does in a guest, puts what was learned into force, and lets it do the same again:
//! nothing may be refused, and what it never did must be.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use kakoi_arena::debian::run as run_tool;

use super::guest;
use super::kernels::{AMD64, Kernel};
use super::packages;
use super::root::{Entry, program};
use super::truth;

/// What `kakoi` needs that other programs of guests do not, by package.
const LIBRARIES: &[(&str, &str)] = &[
    ("libgcc-s1", "lib/x86_64-linux-gnu/libgcc_s.so.1"),
    ("libelf1", "usr/lib/x86_64-linux-gnu/libelf.so.1"),
];

/// With `kakoi` beside this program.
pub fn run(kernel: &Kernel) -> anyhow::Result<()> {
    anyhow::ensure!(kernel.architecture == AMD64, "kakoi is built for the host: amd64 only");
    let mut files = super::root::Files::new();
    files.insert("kakoi/kakoi".to_owned(), program(&stripped()?)?);
    for (package, place) in LIBRARIES {
        let into = packages::store().join("libraries").join(package);
        packages::unpacked(&AMD64, &[format!("{package}/bookworm")], &into)?;
        let name = place.rsplit('/').next().unwrap_or(place);
        files.insert(format!("lib/{name}"), program(&into.join(place))?);
    }
    files.insert(
        "www/cgi-bin/status".to_owned(),
        Entry::File(
            0o755,
            b"#!/bin/sh\necho Content-Type: text/plain\necho\necho alive\n".to_vec(),
        ),
    );
    files.insert("www/index.html".to_owned(), Entry::File(0o644, b"a page\n".to_vec()));
    files.insert("www/secret".to_owned(), Entry::Link("/etc/shadow".to_owned()));
    let mut job = truth::job(&truth::NOBODY, kernel, files, LEARN)?;
    job.seconds = 900;
    job.memory = 1024;
    let outcome = guest::run(kernel, &job)?;
    for line in outcome.all("learn") {
        println!("{}: {line}", kernel.name);
    }
    let bad = outcome.all("learn").find(|line| line.starts_with("BAD"));
    anyhow::ensure!(bad.is_none(), "{}\n{}", bad.unwrap_or_default(), outcome.tail(20));
    anyhow::ensure!(outcome.all("learn").any(|line| line == "over"), "{}", outcome.tail(30));
    println!("{}: {:.1} s", kernel.name, outcome.seconds);
    outcome.good()
}

/// `kakoi` of the same build, without what only a debugger reads.
fn stripped() -> anyhow::Result<PathBuf> {
    let built = std::env::current_exe()?.with_file_name("kakoi");
    anyhow::ensure!(built.exists(), "{}: build the workspace first", built.display());
    let small = packages::store().join("kakoi.stripped");
    run_tool(Command::new("strip").arg("-o").arg(&small).arg(&built)).context("strip")?;
    Ok(small)
}

const LEARN: &str = r#"
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
bad() { say learn "BAD: $*"; }
get() { wget -q -O - http://127.0.0.1:8080/$1 2> /dev/null; }
wait_for() { n=0; while ! grep -q "$1" $2 && [ $n -lt 1200 ]; do usleep 100000; n=$((n+1)); done; }
serve() {
    httpd -p 8080 -h /www
    n=0; while ! netstat -ltn | grep -q :8080 && [ $n -lt 100 ]; do usleep 100000; n=$((n+1)); done
}
work() {
    serve
    [ "$(get index.html)" = "a page" ] || bad "$1: the page is not served"
    [ "$(get cgi-bin/status)" = alive ] || bad "$1: the program behind the page does not run"
    get absent; get index.html > /dev/null
}
refused() { grep -cE '"verdict":"(deny|kill|rewrite)"' /run/events; }
/kakoi/kakoi --version > /run/version 2>&1 || { bad "kakoi does not run: $(head -n 1 /run/version)"; exit 1; }
: > /run/said; : > /run/events
serve
get secret | grep -q root || bad "unguarded, the server does not show what a link points to"
killall httpd; usleep 300000
/kakoi/kakoi guard learn --domain httpd --enter busybox:httpd -o /run/httpd.toml --seconds 20 2> /run/said &
learning=$!
wait_for watching /run/said
work learning
wait $learning
killall httpd; usleep 300000
say learn "$(tail -n 1 /run/said)"
while read -r line; do say learn "policy: $line"; done < /run/httpd.toml
/kakoi/kakoi policy check /run/httpd.toml > /run/checked 2>&1 || bad "what was learned is no policy: $(head -n 1 /run/checked)"
: > /run/said
/kakoi/kakoi guard enforce --policy /run/httpd.toml --events /run/events 2> /run/said &
guarding=$!
wait_for backend: /run/said
say learn "$(head -n 1 /run/said)"
work enforced
sleep 3
say learn "the same again under what was learned: $(refused) refused"
[ "$(refused)" = 0 ] || bad "$(grep -E '"verdict":"(deny|kill|rewrite)"' /run/events | head -n 3)"
get secret | grep -q root && bad "what it never did is let happen"
sleep 3
[ "$(refused)" = 0 ] && bad "nothing tells of what was refused"
say learn "outside it: $(grep -m 1 '"verdict":"deny"' /run/events | cut -c 1-500)"
kill $guarding
say learn over
"#;
