// SPDX-License-Identifier: Apache-2.0
//! Runs the truth table in guests, and compares what happened with what it says.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use kakoi_policy::Action;
use serde::Deserialize;

use super::guest::{self, Job, Outcome};
use super::kernels::{self, Kernel};
use super::root::{self, Entry, Files};
use super::table::{self, Row};
use super::{agent, module, programs};

/// How a backend gets into a guest.
pub struct Backend {
    pub name: &'static str,
    /// Files that it needs, for this kernel.
    pub files: fn(&Kernel) -> anyhow::Result<Files>,
    /// Shell that starts it, before any case.
    pub start: &'static str,
    /// Shell that loads the policy `$1`.
    pub policy: &'static str,
    /// Shell that prints the events since it was last run, JSON lines, and does not wait.
    pub events: &'static str,
    /// Shell that starts the agent, which is then somebody to be killed.
    pub agent: &'static str,
    /// Is it to work on this kernel (issue 4, "Must hold" 3)?
    pub fits: fn(&Kernel) -> bool,
    /// Shell that vouches for the files of the list `$1`.
    pub vouch: &'static str,
    /// Shell that grants the session `$1` an override for `$2` seconds.
    pub grant: &'static str,
}

/// The kernel module.
pub static MODULE: Backend = Backend {
    name: "module",
    files: |kernel| {
        let mut files = Files::new();
        files.insert("kakoi/kakoi.ko".to_owned(), root::program(&module::build(kernel)?)?);
        Ok(files)
    },
    start: "insmod /kakoi/kakoi.ko",
    policy: "kakoi-try policy $1",
    events: "kakoi-try events",
    agent: "pidof kakoi-agent > /dev/null || /kakoi/kakoi-agent",
    // Of the newest kernel one architecture is enough.
    fits: |kernel| kernel.name != "arm64-new",
    vouch: "kakoi-try vouch $1",
    grant: "echo override $1 $2 > /proc/kakoi/control",
};

/// BPF, with the agent. The verifier takes seconds in an emulator, so the programs stay and only policies change.
pub static BPF: Backend = Backend {
    name: "bpf",
    files: |kernel| {
        let mut files = Files::new();
        files.insert(
            "sbin/kakoi-agent".to_owned(),
            root::program(&agent::build(&kernel.architecture)?)?,
        );
        Ok(files)
    },
    start: "mount -t bpf none /sys/fs/bpf",
    policy: ". /kakoi/rig.sh
if [ -e /sys/fs/bpf/kakoi ]; then
    kakoi-agent replace $1 --anew
else
    kakoi-agent enforce $1 --all-hooks --detach
fi 2> /run/kakoi.said
code=$?
while read -r line; do say agent \"$line\"; done < /run/kakoi.said
exit $code",
    // Nobody listens meanwhile: what was told is read when it is asked for, and none can come late.
    events: "[ -e /run/kakoi.events ] || exec kakoi-agent listen --once 2> /dev/null
usleep 300000; cat /run/kakoi.events; pidof kakoi-agent > /dev/null || rm /run/kakoi.events",
    agent: "kakoi-agent listen --events /run/kakoi.events < /dev/null > /dev/null 2>&1 &
usleep 300000",
    fits: |kernel| {
        kernel.architecture == kernels::AMD64
            || (kernel.architecture == kernels::ARM64 && !kernel.is_before_direct_calls())
    },
    vouch: "kakoi-agent vouch $1",
    grant: "kakoi-agent override $1 $2 2> /dev/null",
};

/// Nobody guards: what is stopped all the same is no witness for a guard.
pub static NOBODY: Backend = Backend {
    name: "nobody",
    files: |_| Ok(Files::new()),
    start: "true",
    policy: "true",
    events: "true",
    agent: "true",
    fits: |_| true,
    vouch: "true",
    grant: "true",
};

/// Seconds for a whole table: some 150 on an idle machine.
const LONGEST: u64 = 1500;

/// What became of one case.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub stopped: bool,
    /// Control and verdict of each event.
    pub events: Vec<(String, String)>,
    /// Why it could not be run.
    pub failed: Option<String>,
}

impl Measured {
    /// The guest ended before this case.
    pub fn never_reached(&self) -> bool {
        self.failed.as_deref() == Some(NEVER_REACHED)
    }
}

const NEVER_REACHED: &str = "not run";

/// A guest that ran the table.
pub struct Run {
    pub rows: Vec<Row>,
    pub measured: Vec<Measured>,
    pub outcome: Outcome,
}

/// Boots a kernel with a backend and runs all cases that are wanted.
pub fn run(
    backend: &Backend,
    kernel: &Kernel,
    wanted: &dyn Fn(&Row) -> bool,
) -> anyhow::Result<Run> {
    let (mut rows, mut files) = table::rows()?;
    for row in rows.iter().filter(|row| !wanted(row)) {
        files.retain(|path, _| !path.starts_with(&format!("kakoi/cases/{}/", row.folder)));
    }
    rows.retain(|row| wanted(row));
    let start = format!("{START}kakoi-try cases /kakoi/cases\n{STATUS}");
    let mut job = job(backend, kernel, files, &start)?;
    job.seconds = LONGEST;
    let outcome = guest::run(kernel, &job)?;
    anyhow::ensure!(outcome.all("case").next().is_some(), "no case was run:\n{}", outcome.tail(30));
    let measured = rows.iter().map(|row| measured(row, &outcome)).collect();
    Ok(Run { rows, measured, outcome })
}

/// A guest with a backend, login daemons and the rig's programs, that runs a script. `BACKEND` in it
/// starts the backend.
pub fn job(
    backend: &Backend,
    kernel: &Kernel,
    mut files: Files,
    script: &str,
) -> anyhow::Result<Job> {
    files.extend(world());
    files.extend(programs::files(&kernel.architecture)?);
    files.extend((backend.files)(kernel)?);
    let commands = [
        ("policy", backend.policy),
        ("events", backend.events),
        ("agent", backend.agent),
        ("grant", backend.grant),
        ("vouch", backend.vouch),
    ];
    for (name, text) in commands {
        let text = format!("#!/bin/sh\n{text}\n");
        files.insert(format!("kakoi/backend/{name}"), Entry::File(0o755, text.into_bytes()));
    }
    let loader = format!("/lib/{}", kernel.architecture.loader);
    files.entry("lib/ld-linux.so.2".to_owned()).or_insert(Entry::Link(loader));
    folders(&mut files);
    let mut job = Job::script(&script.replace("BACKEND", backend.start));
    job.files.extend(files);
    Ok(job)
}

/// Login daemons, then the backend.
pub const START: &str = "chmod 755 /kakoi /tmp; mkdir -p /rom; mount -t tmpfs -o ro none /rom
telnetd -l /bin/login -p 23
/kakoi/telnetd driver 2323 /kakoi/driver
BACKEND || exit 1
";
const STATUS: &str =
    "cat /proc/kakoi/status 2> /dev/null | while read -r line; do say status \"$line\"; done\n";

/// What cases find on the device.
fn world() -> Files {
    let mut files = Files::new();
    let mut text = |path: &str, mode: u32, text: &str| {
        files.insert(path.to_owned(), Entry::File(mode, text.as_bytes().to_vec()));
    };
    text("kakoi/script", 0o644, "#!/bin/sh\nBEGIN=1; echo ran > /tmp/ran\n");
    text("kakoi/world/opt/tool", 0o755, "inert tool\n");
    text("kakoi/world/etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\n");
    text("kakoi/world/etc/rc.local", 0o644, "#!/bin/sh\n");
    text("kakoi/world/etc/hotplug.d/usb/10-x", 0o644, "#!/bin/sh\n");
    text("kakoi/world/etc/init.d/x", 0o644, "#!/bin/sh\n");
    text("kakoi/world/etc/kakoi/policy.kkb", 0o600, "a policy\n");
    text("kakoi/world/etc/config/network", 0o644, "config interface lan\n");
    text("kakoi/world/root/.ssh/authorized_keys", 0o600, "");
    text("kakoi/world/usr/lib/libx.so", 0o644, "shipped\n");
    text("kakoi/world/etc/crontabs/.keep", 0o600, "");
    text("kakoi/archive/x/f", 0o755, "inert tool\n");
    text("kakoi/crontab", 0o644, "* * * * * echo > /tmp/ran\n");
    text("kakoi/world/data/.keep", 0o644, "");
    text("kakoi/world/mnt/usb/.keep", 0o644, "");
    files.insert("kakoi/carrier".to_owned(), Entry::File(0o644, carrier()));
    files
}

/// An empty FAT file system of 32 KiB: one sector each for the boot record, the table and the root (Microsoft, "FAT: General
/// Overview of On-Disk Format").
fn carrier() -> Vec<u8> {
    const RECORD: &[u8] =
        b"\xeb\x3c\x90kakoi   \x00\x02\x01\x01\x00\x01\x10\x00\x40\x00\xf8\x01\x00\x01\x00\x01\x00";
    let mut image = vec![0; 64 * 512];
    image[..RECORD.len()].copy_from_slice(RECORD);
    image[510..512].copy_from_slice(b"\x55\xaa");
    image[512..515].copy_from_slice(b"\xf8\xff\xff");
    image
}

/// Every folder of a path must be there before it.
fn folders(files: &mut Files) {
    let paths: Vec<String> = files.keys().cloned().collect();
    for path in paths {
        let mut at = 0;
        while let Some(next) = path[at..].find('/') {
            at += next;
            files.entry(path[..at].to_owned()).or_insert(Entry::Directory(0o755));
            at += 1;
        }
    }
}

fn measured(row: &Row, outcome: &Outcome) -> Measured {
    let own = |word: &'static str| {
        outcome
            .all(word)
            .filter_map(|text| text.strip_prefix(row.folder.as_str())?.strip_prefix(' '))
    };
    let mut measured = Measured::default();
    measured.events.extend(own("event").filter_map(event));
    let said: BTreeMap<String, String> = own("case")
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    measured.stopped = said.get("stopped").is_some_and(|stopped| stopped == "1");
    measured.failed = match (said.get("failed"), said.get("session").map(String::as_str)) {
        (Some(why), _) => Some(why.clone()),
        (None, Some("none")) => Some("no session".to_owned()),
        (None, None) => Some(NEVER_REACHED.to_owned()),
        _ => None,
    };
    measured
}

/// Control and verdict of an event, by either backend. A long path can be cut off: what decides comes before it.
pub fn event(text: &str) -> Option<(String, String)> {
    field(text, "control").zip(field(text, "verdict"))
}

fn field(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    rest.split('"').next().map(str::to_owned)
}

/// How a case differs from the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It should have been stopped, was not, and nothing said so.
    SilentAllow,
    /// It should have been stopped, was not, but something was refused.
    NotStopped,
    /// It should have been let happen, and was not.
    Refused,
    /// It was stopped, but by another control or by none.
    OtherReason,
    /// It could not be run.
    NotRun(String),
}

/// What differs, if anything.
pub fn difference(row: &Row, measured: &Measured) -> Option<Difference> {
    if let Some(why) = &measured.failed {
        return Some(Difference::NotRun(why.clone()));
    }
    let expect = &row.case.expect;
    let refuses = |verdict: &str| matches!(verdict, "deny" | "kill" | "rewrite");
    let refused = measured.events.iter().any(|(_, verdict)| refuses(verdict));
    if expect.verdict < Action::Rewrite {
        return (measured.stopped || refused).then_some(Difference::Refused);
    }
    if !measured.stopped {
        return Some(if refused { Difference::NotStopped } else { Difference::SilentAllow });
    }
    let control = expect.control.map(|control| control.to_string()).unwrap_or_default();
    let by_it = measured.events.iter().any(|(by, verdict)| *by == control && refuses(verdict));
    (!by_it).then_some(Difference::OtherReason)
}

/// A difference that is known, with its reason (tests/vm/differences.toml).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Name of the case.
    pub case: String,
    /// Backends that differ; none: all.
    #[serde(default)]
    pub backends: Vec<String>,
    /// Beginnings of the names of kernels; none: all.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// The case cannot be made there; it is listed, and not run.
    #[serde(default)]
    pub inapplicable: bool,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
struct KnownFile {
    #[serde(default)]
    difference: Vec<Known>,
}

/// All that are known.
pub fn known() -> anyhow::Result<Vec<Known>> {
    let path = crate::top().join("tests/vm/differences.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(toml::from_str::<KnownFile>(&text)?.difference)
}

impl Known {
    /// Does it speak of this case here?
    pub fn covers(&self, backend: &str, kernel: &str, case: &str) -> bool {
        self.case == case
            && (self.backends.is_empty() || self.backends.iter().any(|name| name == backend))
            && (self.kernels.is_empty() || self.kernels.iter().any(|name| kernel.starts_with(name)))
    }
}

/// Prints what differs; how many differences have no reason.
pub fn print(backend: &Backend, kernel: &Kernel, run: &Run) -> anyhow::Result<usize> {
    let known = known()?;
    let mut unknown = 0;
    let mut equal = 0;
    for (row, measured) in run.rows.iter().zip(&run.measured) {
        let Some(difference) = difference(row, measured) else {
            equal += 1;
            continue;
        };
        let name = &row.case.name;
        let reason = known.iter().find(|known| known.covers(backend.name, kernel.name, name));
        let inapplicable = reason.is_some_and(|known| known.inapplicable);
        let explained = inapplicable || (reason.is_some() && difference != Difference::SilentAllow);
        unknown += usize::from(!explained);
        let why = reason.map_or("", |known| known.reason.as_str());
        println!("{difference:?} {}: {name} {:?} {why}", row.folder, measured.events);
    }
    if run.measured.iter().any(|measured| measured.failed.is_some()) {
        run.outcome.all("agent").take(4).for_each(|line| println!("{line}"));
    }
    println!(
        "{} on {}: {equal} of {} as the table says, {unknown} differences without a reason, {:.1} s",
        backend.name,
        kernel.name,
        run.rows.len(),
        run.outcome.seconds
    );
    Ok(unknown)
}
