// SPDX-License-Identifier: Apache-2.0
//! What the truth table does not show: races, thousands of programs and processes, damaged policies,
//! unloading and sealing; and what the guard costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kakoi_arena::debian::put;

use super::guest;
use super::kernels::Kernel;
use super::table;
use super::truth::{self, Backend};

/// How often each thing is tried.
pub struct Counts {
    pub race: u32,
    pub execs: u32,
    pub rounds: u32,
    pub forks: u32,
}

/// Everything that may not break the guard or the device.
pub fn run(backend: &Backend, kernel: &Kernel, counts: &Counts) -> anyhow::Result<()> {
    let mut files = table::compiled("policies/remote-session.toml")?;
    for entry in table::compiled("policies/admin.toml")?.into_values() {
        files.insert("kakoi/admin.kkb".to_owned(), entry);
    }
    let is_module = backend.name == truth::MODULE.name;
    let script = format!(
        "{}{}",
        truth::START,
        STRESS
            .replace("OWN", if is_module { "" } else { BPF_OWN })
            .replace("END", if is_module { MODULE_END } else { "" })
            .replace("RACE", &counts.race.to_string())
            .replace("EXECS", &counts.execs.to_string())
            .replace("ROUNDS", &counts.rounds.to_string())
            .replace("FORKS", &counts.forks.to_string())
    );
    let mut job = truth::job(backend, kernel, files, &script)?;
    job.seconds = 2400;
    // A race needs two processors.
    job.qemu = vec!["-smp".to_owned(), kernel.architecture.processors.to_string()];
    let outcome = guest::run(kernel, &job)?;
    outcome.all("stress").for_each(|line| println!("{}: {line}", kernel.name));
    outcome.all("out").for_each(|line| println!("{}: {line}", kernel.name));
    println!("{}: {:.1} s", kernel.name, outcome.seconds);
    outcome.good()?;
    let bad = outcome.all("stress").find(|line| line.starts_with("BAD"));
    anyhow::ensure!(bad.is_none(), "{}", bad.unwrap_or_default());
    anyhow::ensure!(outcome.all("stress").any(|line| line == "over"), "it did not come to the end");
    Ok(())
}

/// What both backends must stand: damaged policies, thousands of programs, dropbear, an override, races.
const STRESS: &str = r#"
held() { kakoi-try session driver 60 'echo x > /tmp/g; chmod 755 /tmp/g' > /dev/null; ! test -x /tmp/g; }
bad() { say stress "BAD: $*"; }
wait_for() { n=0; while [ ! -e $1 ] && [ $n -lt 600 ]; do usleep 100000; n=$((n+1)); done; test -e $1; }
mkdir -p /tmp/k
/kakoi/backend/policy /kakoi/policy.kkb || bad "the policy is not taken"
held || bad "a session is not held"
head -c 200 /kakoi/policy.kkb > /tmp/cut
/kakoi/backend/policy /tmp/cut 2> /dev/null && bad "a cut policy is taken"
(head -c 300 /kakoi/policy.kkb; printf x; tail -c +302 /kakoi/policy.kkb) > /tmp/damaged
/kakoi/backend/policy /tmp/damaged 2> /dev/null && bad "a damaged policy is taken"
(head -c 4 /kakoi/policy.kkb; printf '\377'; tail -c +6 /kakoi/policy.kkb) > /tmp/newer
/kakoi/backend/policy /tmp/newer 2> /dev/null && bad "a newer policy is taken"
held || bad "a session is not held after damaged policies"
say stress "policies: cut off, damaged and newer are refused, the old one stays"
round=0
while [ $round -lt ROUNDS ]; do
    say stress "held: $(kakoi-try session driver 300 'kakoi-try execs EXECS /bin/true' | head -n 1)"
    round=$((round+1))
done
say stress "held: $(kakoi-try session driver 300 'kakoi-try forks FORKS' | head -n 1)"
OWN
/kakoi/backend/policy /kakoi/admin.kkb || bad "admin.toml is not taken"
dropbearkey -t ed25519 -f /tmp/hostkey > /dev/null 2>&1
dropbear -r /tmp/hostkey -p 22 2> /dev/null
rm -f /tmp/ran /tmp/ssh
ssh() { DROPBEAR_PASSWORD=inert dbclient -y -p 22 root@127.0.0.1 "$@" 2> /dev/null; }
ssh 'echo in > /tmp/in; cat /kakoi/payload > /tmp/ssh; chmod 755 /tmp/ssh; /tmp/ssh; sh /kakoi/script' > /dev/null
chmod 755 /tmp/ssh 2> /dev/null; ssh /tmp/ssh
test -e /tmp/in || bad "nobody can log in by dropbear"
test -e /tmp/ran && bad "a dropped program ran in a session of dropbear"
say stress "dropbear: logged in with a password; what was dropped did not run, not even when somebody outside gave it x"
/kakoi/backend/events > /dev/null 2>&1
rm -f /tmp/k/*
kakoi-try session driver 120 'w() { while [ ! -e $1 ]; do usleep 100000; done; }
echo x > /tmp/o; chmod 755 /tmp/o; test -x /tmp/o && echo > /tmp/k/early; echo > /tmp/k/waiting; w /tmp/k/number
/kakoi/backend/grant $(cat /tmp/k/number) 60; chmod 755 /tmp/o; test -x /tmp/o && echo > /tmp/k/helped-himself; echo > /tmp/k/tried
w /tmp/k/granted; chmod 755 /tmp/o; test -x /tmp/o && echo > /tmp/k/lifted; rm -f /tmp/o; echo > /tmp/k/used
w /tmp/k/over; echo x > /tmp/o; chmod 755 /tmp/o; test -x /tmp/o && echo > /tmp/k/late; echo > /tmp/k/end' > /dev/null &
wait_for /tmp/k/waiting || bad "no session waits for an override"
number=$(/kakoi/backend/events | grep grant-exec | tail -n 1 | sed 's/.*"session":"*\([0-9a-f]*\).*/\1/')
echo $number > /tmp/k/.number; mv /tmp/k/.number /tmp/k/number
wait_for /tmp/k/tried
/kakoi/backend/grant $number 60 || bad "an override cannot be granted from outside"
echo > /tmp/k/granted; wait_for /tmp/k/used
/kakoi/backend/grant $number 0
echo > /tmp/k/over; wait_for /tmp/k/end || bad "the session did not come to its end"
for word in early helped-himself late; do test -e /tmp/k/$word && bad "override: $word"; done
test -e /tmp/k/lifted || bad "an override lifts nothing"
say stress "override of session $number: refused before, not granted from within, lifted by root outside, refused after"
/kakoi/backend/policy /kakoi/policy.kkb
result=$(kakoi-try session driver 1200 'kakoi-try race RACE' | head -n 1)
say stress "held: $result"
case $result in *wins=0) ;; *) bad "a race was won, or did not end" ;; esac
END
say stress over
"#;

const MODULE_END: &str = r#"
grep -qE '^held [0-3]$' /proc/kakoi/status || say stress "$(grep ^held /proc/kakoi/status) are held when sessions are over"
grep -E ' missed=' /proc/kakoi/status | grep -v missed=0 | while read -r line; do bad "$line"; done
n=0; while [ $n -lt 3 ]; do rmmod kakoi && insmod /kakoi/kakoi.ko || bad "it cannot be unloaded and loaded"; n=$((n+1)); done
/kakoi/backend/policy /kakoi/policy.kkb && held || bad "a session is not held after loading again"
echo seal > /proc/kakoi/control
rmmod kakoi 2> /dev/null && bad "a sealed module was unloaded"
/kakoi/backend/policy /kakoi/policy.kkb 2> /dev/null && bad "a sealed module took a policy"
held || bad "a session is not held after sealing"
say stress "unloaded, loaded, sealed"
"#;

/// The agent is killed, the ring of events runs full, its disk is full.
const BPF_OWN: &str = r#"
kakoi-agent listen --events /tmp/k/log & agent=$!
usleep 500000; kill -9 $agent
held || bad "a session is not held after the agent was killed"
say stress "agent killed: sessions are held"
touch /tmp/k/no
kakoi-try session driver 300 'n=0; while [ $n -lt 400 ]; do chmod 755 /tmp/k/no; n=$((n+1)); done' > /dev/null
test -x /tmp/k/no && bad "the 400th chmod was not refused"
held || bad "a session is not held when the ring of events is full"
say stress "ring full: $(kakoi-agent status | grep -E '"(events|lost)":' | tr -d ' 
') sessions are held"
mkdir -p /tmp/small; mount -t tmpfs -o size=8k none /tmp/small
kakoi-agent listen --once --events /tmp/small/log 2> /tmp/k/said
say stress "disk of the log full: $(tail -n 1 /tmp/k/said)"
held || bad "a session is not held when the log cannot be written"
"#;

/// Instructions of each operation: without the guard, outside sessions, and in one.
pub fn cost(backend: &Backend, kernel: &Kernel) -> anyhow::Result<()> {
    let files = table::compiled("policies/admin.toml")?;
    let mut job = truth::job(backend, kernel, files, COST)?;
    job.seconds = 2400;
    // One instruction is one nanosecond of the guest's clock: no other load of the host is measured.
    job.qemu = vec!["-icount".to_owned(), "shift=0".to_owned()];
    let outcome = guest::run(kernel, &job)?;
    outcome.good()?;
    let mut costs: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    let mut order = Vec::new();
    for line in outcome.all("cost") {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["cost", state, work, count] = words[..] {
            if !order.contains(&work.to_owned()) {
                order.push(work.to_owned());
            }
            let of_work = costs.entry(work.to_owned()).or_default();
            of_work.insert(state.to_owned(), count.parse()?);
        }
    }
    let mut text = format!(
        "| {} | without | before a session | outside one | in one |\n|---|---|---|---|---|\n",
        kernel.name
    );
    for work in &order {
        let states = &costs[work];
        let base = states.get("absent").copied().unwrap_or_default();
        let _ = write!(text, "| {work} | {base:.0} |");
        for state in ["idle", "free", "held"] {
            match states.get(state) {
                Some(count) => text.push_str(&format!(" {:+.1} % |", (count / base - 1.0) * 100.0)),
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    println!("{text}");
    let folder = super::packages::store().join("costs");
    std::fs::create_dir_all(&folder)?;
    put(&folder.join(format!("{}-{}.md", backend.name, kernel.name)), &text)?;
    Ok(())
}

/// The first run after boot is thrown away.
const COST: &str = "chmod 755 /kakoi /tmp; mkdir -p /tmp/k
head -c 16384 /bin/busybox > /kakoi/page
/kakoi/telnetd driver 2323 /kakoi/driver
show() { while read -r line; do say cost \"$line\"; done; }
kakoi-try cost warm > /dev/null
kakoi-try cost absent | show
BACKEND || exit 1
/kakoi/backend/policy /kakoi/policy.kkb || exit 1
kakoi-try cost idle | show
kakoi-try session driver 10 true > /dev/null
kakoi-try cost free | show
kakoi-try session driver 500 'kakoi-try cost held' | show
";
