// SPDX-License-Identifier: Apache-2.0
//! `kakoi-agent`: the guard alone, for the device. It takes compiled policies (`policy.kkb`); the
//! language, with its checks and explanations, stays with `kakoi`.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{Write, stderr, stdout};
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;
use std::time::Duration;

use kakoi_guard::{
    Blob, Booted, Choice, Features, Loaded, Pinned, Record, Report, listen, load, stop,
};

const USAGE: &str = "usage: kakoi-agent enforce|audit POLICY.kkb [--pin] [--detach] [--events FILE] [--syslog] [--fmod-ret] [--all-hooks]
       kakoi-agent status [POLICY.kkb] [--fmod-ret]
       kakoi-agent replace POLICY.kkb [--anew]
       kakoi-agent override SESSION SECONDS
       kakoi-agent listen [--events FILE] [--syslog] [--once]
       kakoi-agent stop
Events go to standard output, one JSON object a line, unless --events or --syslog takes them.
--pin: enforcement outlives this process. --detach: pin, then end without listening. --once: only events that
wait already. --all-hooks: also those that only a later policy may need, for `replace`. --anew: the policy may have
other sessions; who is held is found out again. override: lifts in one session what the policy's [override] names.";

/// Larger files of events are renamed to FILE.1 and begun anew.
const LARGEST_LOG: u64 = 1 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::parse(&words) {
        None => {
            let _ = writeln!(stderr(), "{USAGE}");
            ExitCode::from(2)
        }
        Some(arguments) => match run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                let _ = writeln!(stderr(), "kakoi-agent: {why}");
                ExitCode::from(4)
            }
        },
    }
}

#[derive(Default)]
struct Arguments {
    command: String,
    policy: Option<String>,
    seconds: Option<u64>,
    events: Option<String>,
    anew: bool,
    pin: bool,
    detach: bool,
    syslog: bool,
    once: bool,
    modify_return: bool,
    all_hooks: bool,
}

impl Arguments {
    fn parse(words: &[String]) -> Option<Self> {
        let mut found = Self::default();
        let mut words = words.iter();
        found.command = words.next()?.clone();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--pin" => found.pin = true,
                "--detach" => (found.pin, found.detach) = (true, true),
                "--syslog" => found.syslog = true,
                "--once" => found.once = true,
                "--all-hooks" => found.all_hooks = true,
                "--anew" => found.anew = true,
                "--fmod-ret" => found.modify_return = true,
                "--events" => found.events = Some(words.next()?.clone()),
                _ if found.command == "override" && found.policy.is_some() && found.seconds.is_none() => {
                    found.seconds = Some(word.parse().ok()?);
                }
                _ if word.starts_with('-') || found.policy.is_some() => return None,
                _ => found.policy = Some(word.clone()),
            }
        }
        let needs = matches!(found.command.as_str(), "enforce" | "audit" | "replace");
        let known = needs || matches!(found.command.as_str(), "status" | "listen" | "stop" | "override");
        let whole = found.command != "override" || found.seconds.is_some();
        (known && whole && (!needs || found.policy.is_some())).then_some(found)
    }

    fn choice(&self) -> Choice {
        Choice { modify_return: self.modify_return, all_hooks: self.all_hooks, ..Choice::default() }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command.as_str() {
        "status" => status(arguments),
        "stop" => {
            let was = stop()?;
            say(if was { "the guard is stopped" } else { "no guard was pinned" });
            Ok(())
        }
        "replace" => {
            let pinned = Pinned::find().ok_or("no guard is pinned")?;
            let policy = policy(arguments)?;
            Ok(if arguments.anew { pinned.replace_anew(&policy)? } else { pinned.replace(&policy)? })
        }
        "override" => {
            let pinned = Pinned::find().ok_or("no guard is pinned")?;
            let session = arguments.policy.as_deref().unwrap_or_default();
            let session = session.parse().map_err(|_| format!("{session} is no number of a session"))?;
            Ok(pinned.grant(session, arguments.seconds.unwrap_or_default())?)
        }
        "listen" => {
            let pinned = Pinned::find().ok_or("no guard is pinned")?;
            if !arguments.once {
                pinned.adopt(std::process::id())?;
            }
            let domains = pinned.policy()?.domains();
            report(&pinned.map("events")?, &domains, Sink::open(arguments)?, arguments.once)
        }
        _ => guard(arguments),
    }
}

fn policy(arguments: &Arguments) -> Result<Blob, Failure> {
    let path = arguments.policy.as_deref().ok_or("no policy was named")?;
    let bytes = std::fs::read(path).map_err(|why| format!("{path}: {why}"))?;
    Ok(Blob::check(bytes).map_err(|fault| format!("{path} is refused: {fault}"))?)
}

fn guard(arguments: &Arguments) -> Result<(), Failure> {
    let mut blob = policy(arguments)?;
    if arguments.command == "audit" {
        blob = blob.into_audit();
    }
    if Pinned::find().is_some() {
        return Err("a guard is pinned already: `replace` its policy or `stop` it".into());
    }
    let mut loaded = load(&blob, &Features::look(), arguments.choice())?;
    if arguments.pin {
        loaded.pin()?;
    }
    tell(&blob, &loaded);
    if arguments.detach {
        return Ok(());
    }
    report(&loaded.events()?, &blob.domains(), Sink::open(arguments)?, false)
}

/// One line on what holds, and one for each control that holds less.
fn tell(blob: &Blob, loaded: &Loaded) {
    let report = Report::of(blob, &Features::look(), loaded);
    say(&format!("in force: {}", report.backend.unwrap_or("nothing")));
    for control in report.controls.iter().filter(|control| !control.why.is_empty()) {
        say(&format!("{}: {}", control.control.word(), control.why.join("; ")));
    }
}

fn status(arguments: &Arguments) -> Result<(), Failure> {
    let value = match Pinned::find() {
        Some(pinned) => kakoi_guard::describe(&pinned)?,
        None => {
            let blob = policy(arguments)
                .map_err(|why| format!("no guard is pinned, and to try one out: {why}"))?;
            serde_json::to_value(Report::try_out(&blob, arguments.choice()))?
        }
    };
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&value)?)?;
    Ok(())
}

/// Where events go.
enum Sink {
    Output,
    File { path: String, file: File, written: u64 },
    Syslog(UnixDatagram),
}

impl Sink {
    fn open(arguments: &Arguments) -> Result<Self, Failure> {
        if arguments.syslog {
            let socket = UnixDatagram::unbound()?;
            socket.connect("/dev/log").map_err(|why| format!("/dev/log: {why}"))?;
            return Ok(Self::Syslog(socket));
        }
        let Some(path) = &arguments.events else { return Ok(Self::Output) };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|why| format!("{path}: {why}"))?;
        let written = file.metadata().map_or(0, |data| data.len());
        Ok(Self::File { path: path.clone(), file, written })
    }

    /// A full disk, a reader that went away: events are lost, enforcement is not.
    fn put(&mut self, line: &str) -> std::io::Result<()> {
        match self {
            Self::Output => {
                let mut out = stdout().lock();
                writeln!(out, "{line}")?;
                out.flush()
            }
            Self::Syslog(socket) => {
                // Facility authpriv (10), severity warning (4).
                socket.send(format!("<84>kakoi: {line}").as_bytes()).map(|_| ())
            }
            Self::File { path, file, written } => {
                if *written > LARGEST_LOG {
                    std::fs::rename(&*path, format!("{path}.1"))?;
                    *file = OpenOptions::new().create(true).append(true).open(&*path)?;
                    *written = 0;
                }
                let text = format!("{line}\n");
                file.write_all(text.as_bytes())?;
                *written += text.len() as u64;
                Ok(())
            }
        }
    }
}

fn report(
    ring: &kakoi_guard::Ring,
    domains: &[String],
    mut sink: Sink,
    once: bool,
) -> Result<(), Failure> {
    let booted = Booted::look();
    let mut failed = 0_u64;
    let mut take = |record: Record| {
        let line = record.to_event(domains, booted).to_json_line().unwrap_or_default();
        if let Err(why) = sink.put(&line) {
            // Said at 1, 2, 4, 8 … losses, so that the complaint is no flood itself.
            failed += 1;
            if failed.is_power_of_two() {
                say(&format!("{failed} events could not be written: {why}"));
            }
        }
    };
    if once {
        return Ok(listen(ring, None, take)?);
    }
    loop {
        listen(ring, Some(Duration::from_secs(3600)), &mut take)?;
    }
}

fn say(text: &str) {
    let _ = writeln!(stderr(), "kakoi-agent: {text}");
}
