// SPDX-License-Identifier: Apache-2.0
//! Programs that the kernel's events start: mdev, udev, OpenWrt's hotplug.

use std::rc::Rc;

use kakoi_model::{ImagePath, StartCertainty, StartMechanism};

use super::boot::Boot;
use super::context::Context;
use super::shell::{Scope, Script, Shell, parse_script};

const RULES: &[&str] = &["/etc/udev/rules.d", "/lib/udev/rules.d", "/usr/lib/udev/rules.d"];
/// Lines of one file.
const MAX_LINES: usize = 2000;

/// Programs named by the rules of whatever handles events in this image.
pub(super) fn start(boot: &mut Boot<'_>) {
    start_mdev(boot);
    for directory in RULES {
        for file in boot.root().children(&ImagePath::from(*directory)) {
            if file.path.file_name().ends_with(b".rules") {
                start_udev_rules(boot, &file.path);
            }
        }
    }
    let directory = ImagePath::from("/etc/hotplug.d");
    let events = boot.root().beneath(&directory);
    let scripts: Vec<_> = events.filter(|file| file.digest().is_some()).collect();
    for script in scripts {
        follow_file(boot, &script.path);
    }
}

/// Lines `device uid:gid mode @|$|*command` of mdev.conf.
fn start_mdev(boot: &mut Boot<'_>) {
    let path = ImagePath::from("/etc/mdev.conf");
    let Some(text) = boot.read_text(&path) else { return };
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        let line = line.trim();
        let command = line.find(['@', '$', '*']).and_then(|at| {
            let before = line.get(..at)?;
            (before.ends_with(char::is_whitespace)).then(|| line.get(at + 1..)).flatten()
        });
        if let Some(command) = command.filter(|_| !line.starts_with('#')) {
            follow_line(boot, &path, &text, number, command);
        }
    }
}

/// `RUN+="program …"` and `RUN{program}` of udev(7).
fn start_udev_rules(boot: &mut Boot<'_>, path: &ImagePath) {
    let Some(text) = boot.read_text(path) else { return };
    for (number, line) in (1..).zip(text.lines().take(MAX_LINES)) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for part in line.split("RUN").skip(1).take(8) {
            let Some((operator, value)) = part.split_once('"') else { continue };
            let is_program = matches!(operator.trim(), "+=" | "=" | ":=" | "{program}+=");
            let command = value.split('"').next().unwrap_or_default();
            if is_program && !command.starts_with("socket:") {
                let absolute = if command.starts_with('/') { "" } else { "/lib/udev/" };
                follow_line(boot, path, &text, number, &format!("{absolute}{command}"));
            }
        }
    }
}

fn follow_line(boot: &mut Boot<'_>, path: &ImagePath, text: &str, number: u32, command: &str) {
    let commands = parse_script(command);
    let script = Rc::new(Script { path: path.clone(), text: text.to_owned() });
    let mut shell = shell_of_event(boot, script);
    shell.line_base = number.saturating_sub(1);
    shell.follow(&commands);
}

fn follow_file(boot: &mut Boot<'_>, path: &ImagePath) {
    let Some(text) = boot.read_text(path) else { return };
    let commands = parse_script(&text);
    let script = Rc::new(Script { path: path.clone(), text });
    shell_of_event(boot, script).follow(&commands);
}

fn shell_of_event<'s, 'a>(boot: &'s mut Boot<'a>, script: Rc<Script>) -> Shell<'s, 'a> {
    let context =
        Context::of_kernel().by(StartMechanism::Hotplug).at_most(StartCertainty::Conditional);
    let mut scope = Scope::of_init();
    for name in ["ACTION", "DEVPATH", "SUBSYSTEM", "DEVNAME", "MDEV", "INTERFACE", "DEVICE"] {
        scope.pass_on(name, "");
        scope.set(name, None);
    }
    Shell::new(boot, script, "hotplug".to_owned(), scope, context)
}
