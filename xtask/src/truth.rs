// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask profile-truth [NAME…]`: the workloads of tests/profile under strace, against the static
//! profile of the same program: what is missed (must be nothing), what is more than was seen.
//! With `--more` also the workloads of programs that the analysis was not made with. With `--enforce` each workload runs once more
//! under the filter of its profile, with the action kill. With `--keep` recorded traces are used again. With `--payloads=DIRECTORY` also what share of published payloads the profiles stop.
//! With `--write` the tables go into docs/PROFILES.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::bench::measure as run_measured;
use crate::docs::replace;
use crate::payloads::Payloads;
use crate::{kakoi, top};

/// Workload, executable, other names that its processes have.
const PROGRAMS: &[(&str, &str)] = &[
    ("ls", "/bin/ls"),
    ("bash", "/bin/bash"),
    ("busybox", "/bin/busybox"),
    ("dropbear", "/usr/sbin/dropbear"),
    ("lighttpd", "/usr/sbin/lighttpd"),
    ("redis-server", "/usr/bin/redis-server"),
    ("nginx", "/usr/sbin/nginx"),
    ("memcached", "/usr/bin/memcached"),
    ("dnsmasq", "/usr/sbin/dnsmasq"),
];

/// Further workloads, taken with `--more`: none of these programs was looked at when the analysis was made.
const MORE: &[(&str, &str)] = &[
    ("chronyd", "/usr/sbin/chronyd"),
    ("cron", "/usr/sbin/cron"),
    ("curl", "/usr/bin/curl"),
    ("haproxy", "/usr/sbin/haproxy"),
    ("hostapd", "/usr/sbin/hostapd"),
    ("iperf3", "/usr/bin/iperf3"),
    ("lldpd", "/usr/sbin/lldpd"),
    ("monit", "/usr/bin/monit"),
    ("mosquitto", "/usr/sbin/mosquitto"),
    ("ping", "/bin/ping"),
    ("radvd", "/usr/sbin/radvd"),
    ("rsync", "/usr/bin/rsync"),
    ("rsyslogd", "/usr/sbin/rsyslogd"),
    ("smbd", "/usr/sbin/smbd"),
    ("snmpd", "/usr/sbin/snmpd"),
    ("socat", "/usr/bin/socat"),
    ("sshd", "/usr/sbin/sshd"),
    ("tftpd", "/usr/sbin/in.tftpd"),
    ("tinyproxy", "/usr/bin/tinyproxy"),
    ("unbound", "/usr/sbin/unbound"),
    ("vsftpd", "/usr/sbin/vsftpd"),
    ("wget", "/usr/bin/wget"),
];

struct Row {
    name: String,
    traced: BTreeSet<String>,
    allowed: BTreeSet<String>,
    serving: BTreeSet<String>,
    /// Without what only modules of the name service call.
    plain: BTreeSet<String>,
    unresolved: usize,
    cold_s: f64,
    warm_s: f64,
}

pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let keep = arguments.iter().any(|argument| argument == "--keep");
    let names: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let lists = arguments.iter().find_map(|argument| argument.strip_prefix("--payloads="));
    let binary = kakoi()?;
    let mut rows = Vec::new();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let more = MORE.iter().filter(|_| has("--more"));
    let mut failed = Vec::new();
    for (name, path) in PROGRAMS.iter().chain(more) {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            match try_program(&binary, name, path, keep, has("--enforce")) {
                Ok(row) => rows.push(row),
                // The others are worth their time all the same.
                Err(why) => failed.push(format!("{name}: {why:#}")),
            }
        }
    }
    let mut text = table(&rows);
    if let Some(lists) = lists {
        text += &payload_table(&rows, Path::new(lists))?;
    }
    print!("{text}");
    print_more(&rows);
    anyhow::ensure!(failed.is_empty(), "not measured, nothing written: {}", failed.join("; "));
    if has("--write") {
        replace(PAGE, if has("--more") { "further" } else { "programs" }, &text)?;
    }
    Ok(())
}

fn try_program(
    binary: &Path,
    name: &str,
    path: &str,
    keep: bool,
    under: bool,
) -> anyhow::Result<Row> {
    let row = measure(binary, name, path, trace(name, path, keep)?)?;
    if under {
        println!("{name}: {}", enforce(binary, name, path)?);
    }
    Ok(row)
}

/// Where tables go.
const PAGE: &str = "docs/PROFILES.md";

/// Calls that the program made, from its workload.
fn trace(name: &str, path: &str, keep: bool) -> anyhow::Result<BTreeSet<String>> {
    let logs = top().join("target/profile-truth");
    std::fs::create_dir_all(&logs)?;
    let log = logs.join(format!("{name}.strace"));
    if !keep || !log.exists() {
        record(name, &log)?;
    }
    // Of a name that links to the executable the kernel keeps the path that was asked for.
    let image = path.rsplit('/').next().unwrap_or(name);
    let text = std::fs::read(&log)?;
    let text = String::from_utf8_lossy(&text);
    Ok(attribute(&text, image).into_iter().chain(attribute(&text, name)).collect())
}

fn record(name: &str, log: &Path) -> anyhow::Result<()> {
    std::fs::write(log, "")?;
    // The tracer stands beside (-D): a program that goes into the background is waited for no longer than without it.
    run_workload(name, &format!("strace -D -f -qq -A -o {}", log.display()))
}

/// What a workload may end or change by name: processes of its own number space, jobs of the time daemon and keys of logins on
/// file systems of its own. Nothing of it is left when it ends.
const APART: &str = "set -e; jobs=/var/spool/cron; [ ! -d $jobs ] || { mount -t tmpfs none $jobs; mkdir -m 1730 $jobs/crontabs; \
    ! getent group crontab || chgrp crontab $jobs/crontabs; }; mkdir -p /root/.ssh; mount -t tmpfs none /root/.ssh; \
    exec sh \"$1\"";

/// The workload, with everything that it is about started by these words.
fn run_workload(name: &str, starter: &str) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let status = Command::new("timeout")
        .args(["--signal=KILL", "240", "unshare", "-mpf", "--kill-child", "--mount-proc"])
        .args(["--propagation", "private"])
        .args(["sh", "-c", APART, "workload"])
        .arg(top().join(format!("tests/profile/{name}.sh")))
        .env("WORK", work.path())
        .env("TRACE", starter)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("timeout and unshare are needed")?;
    anyhow::ensure!(status.success(), "the workload ended with {status}; root is needed");
    Ok(())
}

/// The workload under the filter, with the action kill: how many of its runs there were, and how many the filter ended. What a
/// program starts has its filter too, so one that starts other programs may see those ended.
fn enforce(binary: &Path, name: &str, path: &str) -> anyhow::Result<String> {
    let place = tempfile::tempdir()?;
    let file = |name: &str| place.path().join(name).display().to_string();
    let (profile, starter, ends) = (file("profile.toml"), file("starter"), file("ends"));
    let words = ["profile", "static", path, "-o", &profile];
    let made = Command::new(binary).args(words).stderr(Stdio::null()).status()?;
    anyhow::ensure!(made.success(), "kakoi profile static {path}");
    let image = path.rsplit('/').next().unwrap_or(name);
    // `timeout` stays outside, and what is none of the program's images is started as it is.
    let script = format!(
        "#!/bin/sh\nouter=\nif [ \"$1\" = timeout ]; then\n  outer=timeout; shift\n  \
         while :; do case $1 in -k|-s) outer=\"$outer $1 $2\"; shift 2;; *) break;; esac; done\n  \
         outer=\"$outer $1\"; shift\nfi\ncase ${{1##*/}} in {name}|{image}) ;; *) exec $outer \"$@\";; esac\n\
         $outer {} run --kill --profile {profile} -- \"$@\"\nstatus=$?\necho $status >> {ends}\nexit $status\n",
        binary.display()
    );
    std::fs::write(&starter, script)?;
    run_workload(name, &format!("sh {starter}"))?;
    let text = std::fs::read_to_string(&ends).unwrap_or_default();
    // A process that a filter ends has the signal SIGSYS, 31.
    let ended = text.lines().filter(|status| *status == "159").count();
    Ok(format!("{} runs under the filter, {ended} ended by it", text.lines().count()))
}

/// Calls of processes whose image is `name`; a call that replaces the image belongs to the former.
fn attribute(log: &str, name: &str) -> BTreeSet<String> {
    let parents = parents(log);
    let mut images: BTreeMap<&str, String> = BTreeMap::new();
    // Images that a process asked for and does not have yet: the one asked for may not be there.
    let mut asked: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for (process, text) in log.lines().filter_map(split) {
        if !images.contains_key(process) {
            let image = parents.get(process).and_then(|parent| images.get(parent)).cloned();
            images.insert(process, image.unwrap_or_default());
        }
        if text.starts_with("<... execve resumed>")
            && let Some(image) = asked.remove(process)
            && text.ends_with("= 0")
            && !image.starts_with("/proc/")
        {
            images.insert(process, image.rsplit('/').next().unwrap_or(image).to_owned());
        }
        let Some(call) = call_name(text) else { continue };
        if images.get(process).is_some_and(|image| image == name) {
            calls.insert(call.to_owned());
        }
        if let Some(image) = started(text).filter(|_| text.ends_with("<unfinished ...>")) {
            asked.insert(process, image);
        } else if let Some(image) = started(text)
            && !image.starts_with("/proc/")
        {
            let base = image.rsplit('/').next().unwrap_or(image);
            images.insert(process, base.to_owned());
        }
    }
    calls
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (process, text) = line.split_once(' ')?;
    process.bytes().all(|byte| byte.is_ascii_digit()).then_some((process, text.trim_start()))
}

/// The process that each one was made by.
fn parents(log: &str) -> BTreeMap<&str, &str> {
    let mut parents = BTreeMap::new();
    for (process, text) in log.lines().filter_map(split) {
        let makes = call_name(text)
            .is_some_and(|call| matches!(call, "clone" | "clone3" | "fork" | "vfork"));
        let child = text.rsplit_once("= ").map(|(_, value)| value.trim());
        if let (true, Some(child)) = (makes, child) {
            parents.entry(child).or_insert(process);
        }
    }
    parents
}

/// `openat(…` and `<... openat resumed>…` are calls; signals and ends are not.
fn call_name(text: &str) -> Option<&str> {
    let name = match text.strip_prefix("<... ") {
        // The image is the new one already; the call was made by the former.
        Some(rest) if rest.starts_with("execve") => return None,
        Some(rest) => rest.split(' ').next()?,
        None => text.split_once('(')?.0,
    };
    let plain =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    (plain && !name.is_empty()).then_some(name)
}

/// The path of an `execve` that succeeded, or has not come back.
fn started(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("execve(\"")?;
    (!text.contains("= -1 ")).then(|| rest.split('"').next())?
}

fn measure(binary: &Path, name: &str, path: &str, traced: BTreeSet<String>) -> anyhow::Result<Row> {
    let cache = tempfile::tempdir()?;
    let (_, cold_s) = profile(binary, path, cache.path())?;
    let (text, warm_s) = profile(binary, path, cache.path())?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let calls = value.get("call").and_then(|calls| calls.as_object()).context("no calls")?;
    let serving =
        calls.iter().filter(|(_, call)| call.get("phase").is_some_and(|phase| phase == "serving"));
    let by_services =
        |call: &serde_json::Value| call.get("by-services").is_some_and(|only| only == true);
    let plain = calls.iter().filter(|(_, call)| !by_services(call));
    Ok(Row {
        name: name.to_owned(),
        plain: plain.map(|(name, _)| name.clone()).collect(),
        traced,
        allowed: calls.keys().cloned().collect(),
        serving: serving.map(|(name, _)| name.clone()).collect(),
        unresolved: value.get("unresolved").and_then(|list| list.as_array()).map_or(0, Vec::len),
        cold_s,
        warm_s,
    })
}

/// The profile as JSON, and CPU seconds of all threads.
fn profile(binary: &Path, path: &str, cache: &Path) -> anyhow::Result<(String, f64)> {
    let output: PathBuf = cache.join("profile.json");
    let text = |path: &Path| path.display().to_string();
    let mut command = vec![text(binary)];
    command.extend(["profile", "static", path, "--format", "json", "--cache"].map(str::to_owned));
    command.extend([text(cache), "-o".to_owned(), text(&output)]);
    let cost = run_measured(&mut command, cache)?;
    anyhow::ensure!(cost.exit == "0", "kakoi profile static {path}: {}", cost.exit);
    Ok((std::fs::read_to_string(output)?, cost.cpu_s))
}

/// Harmonic mean of the shares of what was seen that is allowed and of what is allowed that was seen.
fn f1(traced: &BTreeSet<String>, allowed: &BTreeSet<String>) -> f64 {
    2.0 * traced.intersection(allowed).count() as f64 / (traced.len() + allowed.len()).max(1) as f64
}

fn mean(rows: &[Row], value: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(value).sum::<f64>() / rows.len().max(1) as f64
}

fn table(rows: &[Row]) -> String {
    let mut text = "| program | traced | allowed | serving | missed | F1 | without name service: allowed | F1 | unresolved | CPU s cold | cached |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        text += &format!(
            "| {} | {} | {} | {} | {} | {:.2} | {} | {:.2} | {} | {:.2} | {:.2} |\n",
            row.name,
            row.traced.len(),
            row.allowed.len(),
            row.serving.len(),
            row.traced.difference(&row.allowed).count(),
            f1(&row.traced, &row.allowed),
            row.plain.len(),
            f1(&row.traced, &row.plain),
            row.unresolved,
            row.cold_s,
            row.warm_s
        );
    }
    text + &format!(
        "| mean | | {:.1} | {:.1} | | {:.2} | {:.1} | {:.2} | | | |\n\n",
        mean(rows, |row| row.allowed.len() as f64),
        mean(rows, |row| row.serving.len() as f64),
        mean(rows, |row| f1(&row.traced, &row.allowed)),
        mean(rows, |row| row.plain.len() as f64),
        mean(rows, |row| f1(&row.traced, &row.plain)),
    )
}

/// What was missed, and what is allowed without having been seen.
fn print_more(rows: &[Row]) {
    for row in rows {
        let missed: Vec<&str> = row.traced.difference(&row.allowed).map(String::as_str).collect();
        if !missed.is_empty() {
            println!("missed by {}: {}", row.name, missed.join(" "));
        }
        let extra: Vec<&str> = row.allowed.difference(&row.traced).map(String::as_str).collect();
        println!("not traced, {}: {}", row.name, extra.join(" "));
    }
}

/// Shares of payloads that are stopped: with the calls that they name, and with any that can stand for those.
fn payload_table(rows: &[Row], lists: &Path) -> anyhow::Result<String> {
    let payloads =
        Payloads::read(&lists.join("payloads-535.txt"), &lists.join("equivalent-calls.txt"))?;
    let mut text = "| program | payloads stopped % | with equivalents % | by what was traced % | with equivalents % |\n\
                    |---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let (by_profile, by_trace) =
            (payloads.stopped_by(&row.allowed), payloads.stopped_by(&row.traced));
        text += &format!(
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} |\n",
            row.name,
            by_profile.exactly,
            by_profile.with_equivalents,
            by_trace.exactly,
            by_trace.with_equivalents
        );
    }
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_belong_to_the_image_that_made_them() {
        let log = "1 execve(\"/bin/sh\", …) = 0\n1 vfork( <unfinished ...>\n2 getpid() = 2\n\
                   2 execve(\"/bin/ls\", …) = 0\n2 brk(NULL) = 0\n1 <... vfork resumed>) = 2\n1 wait4(2) = 2\n\
                   1 --- SIGCHLD ---\n";
        let calls: Vec<String> = attribute(log, "sh").into_iter().collect();
        assert_eq!(calls, ["execve", "getpid", "vfork", "wait4"]);
        assert_eq!(attribute(log, "ls").into_iter().collect::<Vec<_>>(), ["brk"]);
    }

    #[test]
    fn an_image_that_was_asked_for_and_is_not_there_is_not_had() {
        let log = "1 execve(\"/bin/timeout\", …) = 0\n1 execve(\"/no/ls\", … <unfinished ...>\n2 brk(NULL) = 0\n\
                   1 <... execve resumed>) = -1 ENOENT (No such file or directory)\n\
                   1 execve(\"/bin/ls\", … <unfinished ...>\n1 <... execve resumed>) = 0\n1 getuid() = 0\n";
        assert_eq!(attribute(log, "ls").into_iter().collect::<Vec<_>>(), ["getuid"]);
    }
}
