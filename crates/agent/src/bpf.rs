// SPDX-License-Identifier: Apache-2.0
//! The commands where BPF is the backend.

use std::io::{Write, stdout};
use std::time::Duration;

use kakoi_guard::{
    Blob, Booted, BpfWatch, Choice, Features, Loaded, Pinned, Record, Report, Ring, listen, load,
    stop,
};

use crate::sink::Sink;
use crate::{Arguments, Failure, may_grant, policy, say, vouch};

pub(crate) fn run(arguments: &Arguments) -> Result<bool, Failure> {
    match arguments.command.as_str() {
        "vouch" => {
            let pinned = Pinned::find().ok_or("no guard is pinned")?;
            vouch(
                &mut BpfWatch::of_pinned(&pinned)?,
                arguments.object.as_deref().unwrap_or_default(),
            )
        }
        "enforce" | "audit" => guard(arguments),
        _ => manage(arguments).map(|()| true),
    }
}

fn manage(arguments: &Arguments) -> Result<(), Failure> {
    let pinned = || Pinned::find().ok_or("no guard is pinned");
    match arguments.command.as_str() {
        "status" => status(arguments),
        "stop" => {
            let was = stop()?;
            say(if was { "the guard is stopped" } else { "no guard was pinned" });
            Ok(())
        }
        "replace" => {
            let policy = policy(arguments)?;
            let pinned = pinned()?;
            if arguments.anew {
                pinned.replace_anew(&policy)?;
            } else {
                pinned.replace(&policy)?;
            }
            Ok(())
        }
        "override" => {
            let (session, pinned) = (arguments.session(16)?, pinned()?);
            if may_grant(arguments, session, &pinned.policy()?)? {
                pinned.grant(session, arguments.seconds.unwrap_or_default())?;
            }
            Ok(())
        }
        "seal" => Err("only the module is sealed; pins are protected by the policy".into()),
        "listen" => {
            let pinned = pinned()?;
            if !arguments.once {
                pinned.adopt(std::process::id())?;
            }
            let domains = pinned.policy()?.domains();
            report(&pinned.map("events")?, &domains, Sink::open(arguments)?, arguments.once)
        }
        other => Err(format!("{other} is no command").into()),
    }
}

fn choice(arguments: &Arguments) -> Choice {
    Choice {
        modify_return: arguments.modify_return,
        all_hooks: arguments.all_hooks,
        ..Choice::default()
    }
}

fn guard(arguments: &Arguments) -> Result<bool, Failure> {
    let blob = policy(arguments)?;
    if Pinned::find().is_some() {
        return Err("a guard is pinned already: `replace` its policy or `stop` it".into());
    }
    let mut loaded = load(&blob, &Features::look(), choice(arguments))?;
    if arguments.pin {
        loaded.pin()?;
    }
    tell(&blob, &loaded);
    let all = match &arguments.digests {
        Some(list) => vouch(&mut BpfWatch::of_loaded(&loaded)?, list)?,
        None => true,
    };
    if !arguments.detach {
        report(&loaded.events()?, &blob.domains(), Sink::open(arguments)?, false)?;
    }
    Ok(all)
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
            serde_json::to_value(Report::try_out(&blob, choice(arguments)))?
        }
    };
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&value)?)?;
    Ok(())
}

fn report(ring: &Ring, domains: &[String], mut sink: Sink, once: bool) -> Result<(), Failure> {
    let booted = Booted::look();
    let mut take = |record: Record| {
        sink.take(&record.to_event(domains, booted).to_json_line().unwrap_or_default());
    };
    if once {
        return Ok(listen(ring, None, take)?);
    }
    loop {
        listen(ring, Some(Duration::from_secs(3600)), &mut take)?;
    }
}
