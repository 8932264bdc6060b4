// SPDX-License-Identifier: Apache-2.0
//! Shows that nobody outside a session is touched: system calls as a test suite makes them give the same in an
//! unguarded guest, under a policy, and while a session is at work, and no event tells of any.

use anyhow::Context;

use super::guest;
use super::kernels::Kernel;
use super::table;
use super::truth::{self, Backend};

/// Runs tests/vm/guest/calls.c three times in one guest, and compares.
pub fn run(backend: &Backend, kernel: &Kernel) -> anyhow::Result<()> {
    let files = table::compiled("policies/admin.toml")?;
    let mut job = truth::job(backend, kernel, files, HARMLESS)?;
    job.seconds = 600;
    let outcome = guest::run(kernel, &job)?;
    outcome.good()?;
    let of = |word: &'static str| outcome.all(word).map(str::to_owned).collect::<Vec<_>>();
    let free = of("free");
    anyhow::ensure!(free.len() > 50, "the calls were not made:\n{}", outcome.tail(20));
    for word in ["guarded", "beside"] {
        let lines = of(word);
        for (before, after) in free.iter().zip(&lines) {
            anyhow::ensure!(before == after, "{word}: {before:?} became {after:?}");
        }
        anyhow::ensure!(lines.len() == free.len(), "{word}: {} lines", lines.len());
    }
    let session = outcome.all("session").next().context("nothing of the session")?;
    anyhow::ensure!(session == "held", "the session beside was not held: {session}");
    let events = of("event");
    anyhow::ensure!(events.is_empty(), "refused outside a session: {}", events.join("\n"));
    println!(
        "{} on {}: {} calls outside sessions give the same unguarded, guarded and beside a session; no event; {:.1} s",
        backend.name,
        kernel.name,
        free.len(),
        outcome.seconds
    );
    Ok(())
}

const HARMLESS: &str = "chmod 755 /kakoi /tmp; mkdir -p /tmp/k
/kakoi/telnetd driver 2323 /kakoi/driver
tell() { kakoi-try calls 2>&1 | while read -r line; do say $1 \"$line\"; done; }
kakoi-try calls > /dev/null 2>&1
tell free
BACKEND || exit 1
/kakoi/backend/policy /kakoi/policy.kkb || exit 1
tell guarded
kakoi-try session driver 300 'echo x > /tmp/x; chmod 755 /tmp/x; touch /tmp/k/waiting; while [ ! -e /tmp/k/over ]; do usleep 200000; done' > /dev/null &
n=0; while [ ! -e /tmp/k/waiting ] && [ $n -lt 300 ]; do usleep 100000; n=$((n+1)); done
test -x /tmp/x && say session free || say session held
/kakoi/backend/events > /dev/null 2>&1
tell beside
/kakoi/backend/events 2> /dev/null | grep -E '\"verdict\":\"(deny|kill|rewrite)\"' | head -n 20 | while read -r line; do say event \"$line\"; done
touch /tmp/k/over; wait
true
";
