// SPDX-License-Identifier: Apache-2.0
//! The commands where the kernel module is the backend.

use std::io::{BufRead, BufReader, ErrorKind, Write, stdout};

use kakoi_guard::{Blob, Module, Vouched};

use crate::sink::Sink;
use crate::{Arguments, Failure, may_grant, policy, policy_at, say, vouch};

pub(crate) fn run(module: &Module, arguments: &Arguments) -> Result<bool, Failure> {
    match arguments.command.as_str() {
        "vouch" => vouch(&mut module.watch()?, arguments.object.as_deref().unwrap_or_default()),
        "enforce" | "audit" | "replace" => guard(module, arguments),
        _ => manage(module, arguments).map(|()| true),
    }
}

fn guard(module: &Module, arguments: &Arguments) -> Result<bool, Failure> {
    module.put(&policy(arguments)?)?;
    say("in force: module");
    let all = match &arguments.digests {
        Some(list) => vouch(&mut module.watch()?, list)?,
        None => true,
    };
    if arguments.command != "replace" && !arguments.detach {
        report(module, arguments)?;
    }
    Ok(all)
}

fn manage(module: &Module, arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command.as_str() {
        "status" => status(module),
        // Starting a program would cost a tenth of this one's size.
        "stop" => Err("the module is the guard: `rmmod kakoi`, unless it is sealed".into()),
        "override" => {
            let session = arguments.session(10)?;
            if may_grant(arguments, session, &in_force(module, arguments)?)? {
                module.grant(session, arguments.seconds.unwrap_or_default())?;
            }
            Ok(())
        }
        "seal" => Ok(module.seal()?),
        "listen" => report(module, arguments),
        other => Err(format!("{other} is no command").into()),
    }
}

/// The policy in force, from its file: the module does not show it, but says which it is.
fn in_force(module: &Module, arguments: &Arguments) -> Result<Blob, Failure> {
    let path = arguments.in_force.as_deref().unwrap_or("/etc/kakoi/policy.kkb");
    let blob = policy_at(path)?;
    let digest: String = blob.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let status = module.status()?;
    if status.lines().any(|line| line.strip_prefix("policy ") == Some(&digest)) {
        return Ok(blob);
    }
    Err(format!("{path} is not the policy in force: name that with --policy").into())
}

/// What the module says, and what of the last list of digests is not vouched for.
fn status(module: &Module) -> Result<(), Failure> {
    let mut out = stdout();
    out.write_all(module.status()?.as_bytes())?;
    for line in Vouched::kept() {
        writeln!(out, "not-vouched {line}")?;
    }
    Ok(())
}

fn report(module: &Module, arguments: &Arguments) -> Result<(), Failure> {
    let mut sink = Sink::open(arguments)?;
    for line in BufReader::new(module.events(arguments.once)?).lines() {
        match line {
            Ok(line) => sink.take(&line),
            Err(why) if why.kind() == ErrorKind::WouldBlock => break,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(())
}
