// SPDX-License-Identifier: Apache-2.0
//! `kakoi guard`: puts a policy into force on this device, and says what holds.

mod module;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use kakoi_guard::{
    Blob, Booted, BpfWatch, Choice, Features, Held, Learned, Loaded, Module, Pinned, Record,
    Report, Watch, listen, load,
};

use super::policy;
use crate::exit::{BadInput, Exit};
use crate::output;

/// Hold what descends from a remote login, on this device: needs root
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say per control what holds fully, partly or not, and why; by attaching, not only by looking
    Status {
        /// Try this policy out when no guard runs
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Attach as fmod_ret even where LSM programs could be
        #[arg(long)]
        fmod_ret: bool,
    },
    /// Log what a policy would do, and refuse nothing
    Audit(Run),
    /// Put a policy into force
    Enforce(Run),
    /// Trust the files of a list as long as nobody changes them, where the policy says `digests`
    Vouch {
        /// Digests and paths, from `kakoi policy digests` or sha256sum
        list: PathBuf,
    },
    /// Watch what a service does, and write it as a policy
    Learn {
        /// Name of the domain, and of the program unless --enter says another
        #[arg(long)]
        domain: String,
        /// Path, name or applet (`busybox:httpd`) that enters the domain
        #[arg(long, value_name = "PROGRAM")]
        enter: Option<String>,
        /// Where to write the policy
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// How long to watch
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        seconds: u64,
    },
    /// Events of a guard that is pinned
    Listen {
        #[command(flatten)]
        sink: SinkChoice,
    },
    /// End a pinned guard
    Stop,
}

#[derive(Args)]
struct Run {
    /// The policy, as text (.toml) or compiled (.kkb)
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Enforcement outlives this process
    #[arg(long)]
    pin: bool,
    /// Pin, and end without listening to events
    #[arg(long)]
    detach: bool,
    /// Digests and paths of files to trust, from `kakoi policy digests`
    #[arg(long, value_name = "LIST")]
    digests: Option<PathBuf>,
    /// Attach as fmod_ret even where LSM programs could be
    #[arg(long)]
    fmod_ret: bool,
    #[command(flatten)]
    sink: SinkChoice,
}

#[derive(Args)]
struct SinkChoice {
    /// Append events to this file instead of printing them
    #[arg(long, value_name = "FILE", conflicts_with = "syslog")]
    events: Option<PathBuf>,
    /// Send events to syslog
    #[arg(long)]
    syslog: bool,
}

/// Runs the command.
pub fn exec(arguments: &Arguments) -> anyhow::Result<Exit> {
    may_administer()?;
    if let Some(module) = Module::find() {
        return with_module(&module, &arguments.command);
    }
    match &arguments.command {
        Command::Status { policy, json, fmod_ret } => status(policy.as_deref(), *json, *fmod_ret),
        Command::Audit(run) => guard(run, blob(&run.policy)?.into_audit()),
        Command::Enforce(run) => guard(run, blob(&run.policy)?),
        Command::Learn { domain, enter, output, seconds } => {
            learn(domain, enter.as_deref().unwrap_or(domain), output, *seconds)
        }
        Command::Listen { sink } => {
            let pinned = Pinned::find().context("no guard is pinned")?;
            report(&pinned.map("events")?, &pinned.policy()?.domains(), sink)
        }
        Command::Vouch { list } => {
            let pinned = Pinned::find().context("no guard is pinned")?;
            vouch(&mut BpfWatch::of_pinned(&pinned)?, list)
        }
        Command::Stop => {
            let was = kakoi_guard::stop()?;
            output::say(if was { "the guard is stopped" } else { "no guard was pinned" });
            Ok(Exit::Done)
        }
    }
}

/// Every command reads or changes what only an administrator may. Where this process cannot tell, the kernel will.
fn may_administer() -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    match may(&status) {
        Some(false) => {
            anyhow::bail!(
                "`kakoi guard` needs root (CAP_SYS_ADMIN); what holds on this device is undetermined"
            )
        }
        _ => Ok(()),
    }
}

/// Has the process of this /proc/PID/status CAP_SYS_ADMIN? (include/uapi/linux/capability.h, proc_pid_status(5))
fn may(status: &str) -> Option<bool> {
    const SYS_ADMIN: u32 = 21;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(effective.trim(), 16).ok()?;
    Some(effective >> SYS_ADMIN & 1 == 1)
}

/// The same where the kernel module is loaded.
fn with_module(module: &Module, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Status { json, .. } => module::status(module, *json),
        Command::Audit(run) => module::enforce(module, &blob(&run.policy)?.into_audit(), run),
        Command::Enforce(run) => module::enforce(module, &blob(&run.policy)?, run),
        Command::Listen { sink } => module::listen(module, sink),
        Command::Vouch { list } => vouch(&mut module.watch()?, list),
        Command::Stop => module::stop(),
        Command::Learn { .. } => {
            Err(BadInput("learning is done by BPF: unload the module first".to_owned()).into())
        }
    }
}

/// Goes through a list of digests. Each file that is not vouched for is said, with why.
fn vouch(watch: &mut dyn Watch, list: &Path) -> anyhow::Result<Exit> {
    let claims = kakoi_guard::read_list(list).map_err(|why| BadInput(why.to_string()))?;
    let outcome = kakoi_guard::vouch(watch, &claims);
    for (path, why) in &outcome.refused {
        output::say(&output::printable(&format!("{path} is not vouched for: {why}")));
    }
    output::say(&format!("{} of {} files are vouched for", outcome.files, claims.len()));
    outcome.keep()?;
    Ok(if outcome.refused.is_empty() { Exit::Done } else { Exit::Findings })
}

/// The list that is to be vouched for, if there is one; what is not is a finding and no error.
fn vouch_if_asked(
    run: &Run,
    watch: impl FnOnce() -> anyhow::Result<Box<dyn Watch>>,
) -> anyhow::Result<()> {
    if let Some(list) = &run.digests {
        vouch(watch()?.as_mut(), list)?;
    }
    Ok(())
}

/// A policy, compiled if it is text.
fn blob(path: &Path) -> anyhow::Result<Blob> {
    let bytes = if path.extension().is_some_and(|extension| extension == "kkb") {
        std::fs::read(path).map_err(|why| BadInput(format!("{}: {why}", path.display())))?
    } else {
        policy::compiled(path)?
    };
    Blob::check(bytes).map_err(|why| BadInput(format!("{}: {why}", path.display())).into())
}

fn guard(run: &Run, blob: Blob) -> anyhow::Result<Exit> {
    if let Some(pinned) = Pinned::find() {
        pinned.replace(&blob)?;
        vouch_if_asked(run, || Ok(Box::new(BpfWatch::of_pinned(&pinned)?)))?;
        output::say("the policy of the pinned guard is replaced");
        return Ok(Exit::Done);
    }
    let features = Features::look();
    let choice = Choice { modify_return: run.fmod_ret, ..Choice::default() };
    let mut loaded: Loaded = load(&blob, &features, choice)?;
    if run.pin || run.detach {
        loaded.pin()?;
    }
    output::say(&render(&Report::of(&blob, &features, &loaded)));
    vouch_if_asked(run, || Ok(Box::new(BpfWatch::of_loaded(&loaded)?)))?;
    if run.detach {
        return Ok(Exit::Done);
    }
    report(&loaded.events()?, &blob.domains(), &run.sink)
}

fn status(path: Option<&Path>, json: bool, fmod_ret: bool) -> anyhow::Result<Exit> {
    if let Some(pinned) = Pinned::find() {
        let (report, counts) = kakoi_guard::report(&pinned)?;
        let text = if json {
            serde_json::to_string_pretty(&kakoi_guard::describe(&pinned)?)?
        } else {
            format!("{}\n{counts}", render(&report))
        };
        output::data(&format!("{text}\n"))?;
        return Ok(Exit::Done);
    }
    let blob = match path {
        Some(path) => blob(path)?,
        None => everything()?,
    };
    let choice = Choice { modify_return: fmod_ret, ..Choice::default() };
    let report = Report::try_out(&blob, choice);
    let text = if json { serde_json::to_string_pretty(&report)? } else { render(&report) };
    output::data(&format!("no guard is pinned; tried out and taken away again\n{text}\n"))?;
    Ok(Exit::Done)
}

/// A policy that asks for every control, and logs only.
fn everything() -> anyhow::Result<Blob> {
    const TEXT: &str = include_str!("guard-everything.toml");
    let reading = kakoi_policy::read(TEXT);
    let policy = reading.policy.context("the policy that asks for everything has errors")?;
    let bytes = kakoi_policy::compile(&policy).map_err(|why| anyhow::anyhow!("{why}"))?;
    Blob::check(bytes).map_err(|why| anyhow::anyhow!("{why}"))
}

fn render(report: &Report) -> String {
    let mut text = match (&report.backend, &report.why_none) {
        (Some(backend), _) => format!("backend: {backend}, kernel {}", report.features.release),
        (None, why) => format!("backend: none: {}", why.as_deref().unwrap_or("not known")),
    };
    for control in &report.controls {
        let held = match control.held {
            Held::Fully => "fully",
            Held::Partly => "partly",
            Held::NotEnforced => "not enforced",
            Held::NotAsked => continue,
        };
        text.push_str(&format!("\n{:18} {held}", control.control.word()));
        for why in &control.why {
            text.push_str(&format!("\n{:20} {why}", ""));
        }
    }
    text
}

fn learn(domain: &str, enter: &str, path: &Path, seconds: u64) -> anyhow::Result<Exit> {
    let text = format!(
        "kakoi = 1\nname = \"learn\"\n[domain.{domain}]\nenter.exec = \"{enter}\"\nexec-memory = \"audit\"\n"
    );
    let reading = kakoi_policy::read(&text);
    let words = reading.render("--domain, --enter", &text);
    let policy = reading.policy.with_context(|| BadInput(words))?;
    let bytes = kakoi_policy::compile(&policy).map_err(|why| BadInput(why.to_string()))?;
    let blob = Blob::check(bytes).map_err(|why| BadInput(why.to_string()))?;
    let choice = Choice { learning: 1, all_hooks: true, ..Choice::default() };
    let loaded = load(&blob, &Features::look(), choice)?;
    output::say(&format!("watching {enter} for {seconds} s"));
    let mut learned = Learned::default();
    let end = Instant::now() + Duration::from_secs(seconds);
    let ring = loaded.events()?;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        listen(&ring, Some(left), |record| learned.add(&record))?;
    }
    std::fs::write(path, learned.policy(domain, enter))
        .with_context(|| path.display().to_string())?;
    output::say(&format!("{}: from {} attempts", path.display(), learned.attempts()));
    Ok(Exit::Done)
}

fn report(
    ring: &kakoi_guard::Ring,
    domains: &[String],
    choice: &SinkChoice,
) -> anyhow::Result<Exit> {
    let booted = Booted::look();
    let mut put = sink(choice)?;
    let mut failed = 0_u64;
    loop {
        let take = |record: Record| {
            let line = record.to_event(domains, booted).to_json_line().unwrap_or_default();
            if let Err(why) = put(&line) {
                failed += 1;
                if failed.is_power_of_two() {
                    output::say(&format!("{failed} events could not be written: {why}"));
                }
            }
        };
        listen(ring, Some(Duration::from_secs(3600)), take)?;
    }
}

type Sink = Box<dyn FnMut(&str) -> anyhow::Result<()>>;

/// Where events go. What cannot be written is lost; enforcement is not.
fn sink(choice: &SinkChoice) -> anyhow::Result<Sink> {
    if choice.syslog {
        let socket = UnixDatagram::unbound()?;
        socket.connect("/dev/log").context("/dev/log")?;
        // Facility authpriv (10), severity warning (4).
        return Ok(Box::new(move |line| {
            socket.send(format!("<84>kakoi: {line}").as_bytes())?;
            Ok(())
        }));
    }
    let Some(path) = &choice.events else {
        return Ok(Box::new(|line| output::data(&format!("{line}\n"))));
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| path.display().to_string())?;
    Ok(Box::new(move |line| Ok(file.write_all(format!("{line}\n").as_bytes())?)))
}

#[cfg(test)]
mod tests {
    use super::may;

    #[test]
    fn who_may_administer_is_read_from_the_effective_capabilities() {
        assert_eq!(may("Name:\tx\nCapPrm:\t0\nCapEff:\t000001ffffffffff\n"), Some(true));
        assert_eq!(may("CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n"), Some(false));
        assert_eq!(may("CapEff:\tnone\n"), None);
        assert_eq!(may(""), None);
    }
}
