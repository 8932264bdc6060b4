// SPDX-License-Identifier: Apache-2.0
//! The commands where the kernel module is the backend.

use std::io::{BufRead, BufReader, ErrorKind, Write, stdout};

use kakoi_guard::Module;

use crate::sink::Sink;
use crate::{Arguments, Failure, policy, say};

pub(crate) fn run(module: &Module, arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command.as_str() {
        "status" => Ok(stdout().write_all(module.status()?.as_bytes())?),
        // Starting a program would cost a tenth of this one's size.
        "stop" => Err("the module is the guard: `rmmod kakoi`, unless it is sealed".into()),
        "override" => {
            let session = arguments.session(10)?;
            Ok(module.grant(session, arguments.seconds.unwrap_or_default())?)
        }
        "seal" => Ok(module.seal()?),
        "listen" => report(module, arguments),
        _ => {
            module.put(&policy(arguments)?)?;
            say("in force: module");
            if arguments.command == "replace" || arguments.detach {
                return Ok(());
            }
            report(module, arguments)
        }
    }
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
