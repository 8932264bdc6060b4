// SPDX-License-Identifier: Apache-2.0
//! `kakoi-agent`: the guard alone, for the device. It takes compiled policies (`policy.kkb`); the
//! language, with its checks and explanations, stays with `kakoi`. Where the kernel module is loaded,
//! that is the backend; else BPF, if it was built with it.

#![forbid(unsafe_code)]

#[cfg(feature = "bpf")]
mod bpf;
mod module;
mod sink;

use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use kakoi_guard::{Asked, Blob, Module, Watch};

const USAGE: &str = "usage: kakoi-agent enforce|audit POLICY.kkb [--pin] [--detach] [--events FILE] [--syslog] [--fmod-ret] [--all-hooks] [--digests LIST]
       kakoi-agent status [POLICY.kkb] [--fmod-ret]
       kakoi-agent replace POLICY.kkb [--anew]
       kakoi-agent vouch LIST
       kakoi-agent override SESSION SECONDS [--challenge | --signature HEX] [--policy POLICY.kkb]
       kakoi-agent listen [--events FILE] [--syslog] [--once]
       kakoi-agent seal
       kakoi-agent stop
Events go to standard output, one JSON object a line, unless --events or --syslog takes them.
--pin: enforcement outlives this process. --detach: pin, then end without listening. --once: only events that
wait already. --all-hooks: also those that only a later policy may need, for `replace`. --anew: the policy may have
other sessions; who is held is found out again. vouch, --digests: files with these SHA-256 (as sha256sum writes them) are
trusted content where the policy says `digests`, until somebody changes them; exit code 1 if any is not. override: lifts in one session, by its name in the events, what the
policy's [override] names; where it names a key, with a signature of the challenge (--policy: the one in the module). seal: the module takes no other policy and stays until the device starts again.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::parse(&words) {
        None => {
            let _ = writeln!(stderr(), "{USAGE}");
            ExitCode::from(2)
        }
        Some(arguments) => match run(&arguments) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(why) => {
                say(&why.to_string());
                ExitCode::from(4)
            }
        },
    }
}

type Failure = Box<dyn std::error::Error>;

/// What was asked for.
#[derive(Debug, Default)]
struct Arguments {
    command: String,
    /// The policy; for `override`, the session.
    object: Option<String>,
    seconds: Option<u64>,
    events: Option<String>,
    digests: Option<String>,
    challenge: bool,
    signature: Option<String>,
    in_force: Option<String>,
    syslog: bool,
    once: bool,
    detach: bool,
    #[cfg_attr(not(feature = "bpf"), allow(dead_code))]
    anew: bool,
    #[cfg_attr(not(feature = "bpf"), allow(dead_code))]
    pin: bool,
    #[cfg_attr(not(feature = "bpf"), allow(dead_code))]
    modify_return: bool,
    #[cfg_attr(not(feature = "bpf"), allow(dead_code))]
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
                "--digests" => found.digests = Some(words.next()?.clone()),
                "--challenge" => found.challenge = true,
                "--signature" => found.signature = Some(words.next()?.clone()),
                "--policy" => found.in_force = Some(words.next()?.clone()),
                "--events" => found.events = Some(words.next()?.clone()),
                _ if word.starts_with('-') => return None,
                _ if found.object.is_none() => found.object = Some(word.clone()),
                _ if found.seconds.is_none() => found.seconds = Some(word.parse().ok()?),
                _ => return None,
            }
        }
        found.is_whole().then_some(found)
    }

    fn is_whole(&self) -> bool {
        match self.command.as_str() {
            "enforce" | "audit" | "replace" | "vouch" => {
                self.object.is_some() && self.seconds.is_none()
            }
            "override" => self.seconds.is_some(),
            "status" => self.seconds.is_none(),
            "listen" | "stop" | "seal" => self.object.is_none(),
            _ => false,
        }
    }

    /// The session that an override is for, as events number it.
    fn session(&self, radix: u32) -> Result<u32, Failure> {
        let word = self.object.as_deref().unwrap_or_default();
        Ok(u32::from_str_radix(word, radix)
            .map_err(|_| format!("{word} is no session as events name it"))?)
    }
}

/// False: done, but not all of it.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    match Module::find() {
        Some(module) => module::run(&module, arguments),
        None => without_module(arguments),
    }
}

#[cfg(feature = "bpf")]
fn without_module(arguments: &Arguments) -> Result<bool, Failure> {
    bpf::run(arguments)
}

#[cfg(not(feature = "bpf"))]
fn without_module(_: &Arguments) -> Result<bool, Failure> {
    Err("the module is not loaded (insmod kakoi.ko), and this agent was built without BPF".into())
}

fn policy_at(path: &str) -> Result<Blob, Failure> {
    let bytes = std::fs::read(path).map_err(|why| format!("{path}: {why}"))?;
    Ok(Blob::check(bytes).map_err(|fault| format!("{path} is refused: {fault}"))?)
}

/// The policy that was named; audited only, if that is the command.
fn policy(arguments: &Arguments) -> Result<Blob, Failure> {
    let blob = policy_at(arguments.object.as_deref().ok_or("no policy was named")?)?;
    Ok(if arguments.command == "audit" { blob.into_audit() } else { blob })
}

/// May this override be granted? True: grant it; false: a challenge was asked for, and printed.
fn may_grant(arguments: &Arguments, session: u32, policy: &Blob) -> Result<bool, Failure> {
    let asked = Asked { session, seconds: arguments.seconds.unwrap_or_default(), policy };
    let authority = policy.authority();
    if arguments.challenge {
        writeln!(stdout(), "{}", asked.challenge()?)?;
        return Ok(false);
    }
    match &arguments.signature {
        Some(signature) => asked.redeem(signature)?,
        // To end one, nobody need be asked; without keys it is the console's.
        None if asked.seconds == 0 || authority.console || authority.keys.is_empty() => {}
        None => return Err("the policy asks for a signature: see --challenge".into()),
    }
    Ok(true)
}

/// Goes through a list of digests; false: not every file of it is vouched for. Each that is not is said, with why.
fn vouch(watch: &mut dyn Watch, list: &str) -> Result<bool, Failure> {
    let claims = kakoi_guard::read_list(Path::new(list))?;
    let outcome = kakoi_guard::vouch(watch, &claims);
    for (path, why) in &outcome.refused {
        say(&format!("{path} is not vouched for: {why}"));
    }
    say(&format!("{} of {} files are vouched for", outcome.files, claims.len()));
    outcome.keep()?;
    Ok(outcome.refused.is_empty())
}

fn say(text: &str) {
    let _ = writeln!(stderr(), "kakoi-agent: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Arguments> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn every_command_needs_what_it_works_on_and_no_more() {
        for line in [
            "enforce p.kkb --detach --digests l",
            "vouch l",
            "override 0000002a 60",
            "listen --once",
            "status",
            "override 1 60 --challenge",
        ] {
            assert!(parsed(line).is_some(), "{line}");
        }
        for line in [
            "enforce",
            "vouch",
            "vouch a 3",
            "override 1",
            "override 1 x",
            "listen p.kkb",
            "replace a 3",
            "dance",
        ] {
            assert!(parsed(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_session_is_read_as_the_backend_writes_it() {
        let arguments = parsed("override 0000002a 60").unwrap();
        assert_eq!(arguments.session(16).unwrap(), 42);
        assert!(arguments.session(10).is_err());
    }
}
