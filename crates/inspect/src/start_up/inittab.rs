// SPDX-License-Identifier: Apache-2.0
//! `inittab` of BusyBox (init/init.c), SysV init (inittab(5)) and procd (`inittab.c`).

use std::rc::Rc;

use kakoi_model::{ImagePath, StartMechanism};

use super::boot::Boot;
use super::context::Context;
use super::run_level;
use super::shell::{Scope, Script, Shell, parse_script};

/// Lines that are read.
const MAX_LINES: usize = 500;

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// BusyBox or SysV.
    Init,
    /// procd: `rcS` is built in.
    Procd,
}

/// When a line is acted on, in the order of the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    SysInit,
    Wait,
    Once,
    Respawn,
}

struct Entry<'t> {
    line: u32,
    phase: Phase,
    stays: bool,
    process: &'t str,
}

/// Starts what the table names at boot.
pub(super) fn start(boot: &mut Boot<'_>, table: &ImagePath, context: &Context, lines: Lines) {
    let Some(text) = boot.read_text(table) else { return };
    let entries = parse_entries(&text);
    let script = Rc::new(Script { path: table.clone(), text: text.clone() });
    let mut links_started = false;
    for entry in entries {
        let context = context.clone().by(StartMechanism::Inittab);
        let here = context.clone().step(boot.root(), &script, entry.line);
        if lines == Lines::Procd && entry.process.contains("rcS") {
            run_level::start_procd_links(boot, &here);
            continue;
        }
        let mut words = entry.process.split_whitespace();
        let first = words.next().unwrap_or_default().trim_start_matches('-');
        let rc = matches!(first, "/etc/rc.d/rc" | "/etc/init.d/rc" | "/etc/rc");
        if rc {
            let level = words.next().and_then(|level| level.chars().next());
            run_level::start_all(boot, &here, level);
            links_started = true;
        } else if first == "/sbin/openrc" {
            super::openrc::start(boot, &here);
        }
        start_process(boot, &script, &entry, context);
    }
    // A table whose rcS is a link farm of its own: /etc/init.d/rcS of SysV runs /etc/rcS.d.
    if !links_started && lines == Lines::Init && text.contains(":initdefault:") {
        run_level::start_all(boot, context, default_level(&text));
    }
}

fn start_process(boot: &mut Boot<'_>, script: &Rc<Script>, entry: &Entry<'_>, context: Context) {
    // A leading `-` makes a login shell.
    let process = entry.process.trim_start_matches('-').trim_start_matches('@');
    let process = if entry.stays { format!("{process} &") } else { process.to_owned() };
    let commands = parse_script(&process);
    let (name, scope) = ("init".to_owned(), Scope::of_init());
    let mut shell = Shell::new(boot, Rc::clone(script), name, scope, context);
    shell.line_base = entry.line.saturating_sub(1);
    shell.follow(&commands);
}

/// The lines that count at boot, in the order of the boot.
fn parse_entries(text: &str) -> Vec<Entry<'_>> {
    let level = default_level(text);
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let mut fields = line.splitn(4, ':');
        let (Some(_id), Some(levels), Some(action)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let process = fields.next().unwrap_or_default().trim();
        let Some((phase, stays)) = phase_of(action.trim()) else { continue };
        let other_level = level.is_some_and(|level| {
            phase != Phase::SysInit && !levels.is_empty() && !levels.contains(level)
        });
        if !process.is_empty() && !other_level {
            entries.push(Entry { line: number, phase, stays, process });
        }
    }
    entries.sort_by_key(|entry| entry.phase);
    entries
}

fn phase_of(action: &str) -> Option<(Phase, bool)> {
    Some(match action {
        "sysinit" | "boot" | "bootwait" => (Phase::SysInit, false),
        "wait" => (Phase::Wait, false),
        "once" => (Phase::Once, false),
        "respawn" | "respawnlate" | "askfirst" | "askconsole" | "askconsolelate" => {
            (Phase::Respawn, true)
        }
        _ => return None,
    })
}

/// The run level of `id:N:initdefault:`.
fn default_level(text: &str) -> Option<char> {
    let line = text.lines().find(|line| {
        !line.trim_start().starts_with('#') && line.split(':').nth(2) == Some("initdefault")
    })?;
    line.split(':').nth(1)?.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_in_boot_order_and_those_of_shutdown_are_left_out() {
        let entries = parse_entries(
            "# ::respawn:/bin/no\ntty::askfirst:-/bin/sh\n::sysinit:/etc/init.d/rcS\n\
             ::shutdown:/bin/umount -a\n::ctrlaltdel:/sbin/reboot\n::once:/bin/a:b\n",
        );
        let processes: Vec<_> = entries.iter().map(|entry| (entry.line, entry.process)).collect();
        assert_eq!(processes, [(3, "/etc/init.d/rcS"), (6, "/bin/a:b"), (2, "-/bin/sh")]);
    }

    #[test]
    fn other_run_levels_than_the_default_are_left_out() {
        let text = "id:2:initdefault:\nl2:2:wait:/etc/init.d/rc 2\nl3:3:wait:/etc/init.d/rc 3\n";
        assert_eq!(parse_entries(text).len(), 1);
        assert_eq!(default_level(text), Some('2'));
    }
}
