// SPDX-License-Identifier: Apache-2.0
//! The commands of `kakoi guard` where the kernel module is the backend.

use std::io::{BufRead, BufReader, ErrorKind};

use anyhow::Context;
use kakoi_guard::{Blob, Held, Module, ModuleReport};

use super::{Run, SinkChoice, sink, vouch_if_asked};
use crate::exit::{BadInput, Exit};
use crate::output;

/// What holds, per control, and why not more.
pub fn status(module: &Module, json: bool) -> anyhow::Result<Exit> {
    let report = ModuleReport::of(&module.status()?);
    let text = if json { serde_json::to_string_pretty(&report)? } else { render(&report) };
    output::data(&format!("{text}\n"))?;
    Ok(Exit::Done)
}

/// Hands a policy over; then events, unless nobody is to listen.
pub fn enforce(module: &Module, blob: &Blob, run: &Run) -> anyhow::Result<Exit> {
    module.put(blob)?;
    output::say(&render(&ModuleReport::of(&module.status()?)));
    vouch_if_asked(run, || Ok(Box::new(module.watch()?)))?;
    if run.detach {
        return Ok(Exit::Done);
    }
    listen(module, &run.sink)
}

/// Events as they come.
pub fn listen(module: &Module, choice: &SinkChoice) -> anyhow::Result<Exit> {
    let mut put = sink(choice)?;
    let mut failed = 0_u64;
    for line in BufReader::new(module.events(false)?).lines() {
        match line {
            Ok(line) => {
                if let Err(why) = put(&line) {
                    failed += 1;
                    if failed.is_power_of_two() {
                        output::say(&format!("{failed} events could not be written: {why}"));
                    }
                }
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why).context("events of the module"),
        }
    }
    Ok(Exit::Done)
}

/// It is not for this program to unload it.
pub fn stop() -> anyhow::Result<Exit> {
    Err(BadInput("the module is the guard: `rmmod kakoi`, unless it is sealed".to_owned()).into())
}

fn render(report: &ModuleReport) -> String {
    let mut text = "backend: module".to_owned();
    match &report.policy {
        Some(digest) => text.push_str(&format!(", policy {digest}")),
        None => text.push_str(", no policy is loaded: nothing is enforced"),
    }
    for (said, word) in [(report.sealed, ", sealed"), (report.audit_only, ", only logs")] {
        text.push_str(if said { word } else { "" });
    }
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
    if let Some(filters) = &report.filters {
        let held = filters.why_not.as_ref().map_or("fully", |_| "not enforced");
        text.push_str(&format!("\n{:18} {held}", "syscalls"));
        match &filters.why_not {
            Some(why) => text.push_str(&format!("\n{:20} {why}", "")),
            None => text.push_str(&format!(
                "\n{:20} {} filters, given to programs {} times",
                "", filters.count, filters.attached
            )),
        }
    }
    text.push_str(&format!(
        "\n{} processes held; {} files of dropped content; {} events lost; {} files vouched for, {} changed since",
        report.held, report.dropped, report.events_lost, report.vouched, report.changed
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_reason() {
        let text = "policy 0a\ncontrol write-exec ops=210\nfilters 1 attached=0 no seccomp here\n\
                    hook security_file_open ready ops=10 \nhook security_path_link missing ops=200 no such function\n";
        let shown = render(&ModuleReport::of(text));
        assert!(shown.starts_with("backend: module, policy 0a\n"), "{shown}");
        assert!(shown.contains("\nwrite-exec         partly\n"), "{shown}");
        assert!(shown.contains("security_path_link is not hooked: no such function"), "{shown}");
        assert!(shown.contains("\nsyscalls           not enforced\n"), "{shown}");
    }
}
