// SPDX-License-Identifier: Apache-2.0
//! OpenRC: services linked into `/etc/runlevels/{sysinit,boot,default}`.

use std::rc::Rc;

use kakoi_model::{Evidence, ImagePath, StartMechanism};

use super::boot::{Boot, Launch};
use super::context::Context;
use super::shell::{Scope, Script, Shell, Text, parse_script};

const LEVELS: &[&str] = &["sysinit", "boot", "default"];

/// Starts the services of the levels of a boot.
pub(super) fn start(boot: &mut Boot<'_>, context: &Context) {
    let context = context.clone().by(StartMechanism::SysvRunLevel);
    for level in LEVELS {
        let directory = ImagePath::from("/etc/runlevels").join(level);
        for link in boot.root().children(&directory) {
            let place = boot.root().place(&link.path);
            let context = context.with(Evidence::new("run-level link").in_file(place));
            start_service(boot, &link.path, context);
        }
    }
}

/// A service script sets `command` and its companions, or defines `start()`.
fn start_service(boot: &mut Boot<'_>, path: &ImagePath, context: Context) {
    let Some(file) = boot.root().file(path) else { return };
    let Some(text) = boot.read_text(&file.path) else { return };
    let commands = parse_script(&text);
    let script = Rc::new(Script { path: file.path.clone(), text });
    let name = file.path.absolute();
    let mut shell = Shell::new(boot, script, name, Scope::of_init(), context.clone());
    let conf = ImagePath::from("/etc/conf.d").join(path.file_name());
    shell.source_file(&conf);
    shell.follow(&commands);
    if shell.call("start", Vec::new()) {
        return;
    }
    let value = |name: &str| shell.scope.value(name).map(str::to_owned);
    let Some(command) = value("command").filter(|command| !command.is_empty()) else { return };
    let mut words = vec![Text::known(command)];
    for name in ["command_args", "command_args_background", "command_args_foreground"] {
        let arguments = value(name).unwrap_or_default();
        words.extend(arguments.split_whitespace().map(Text::known));
    }
    let user = value("command_user").unwrap_or_default();
    let user = user.split(':').next().unwrap_or_default().to_owned();
    let mut context = Context { service: true, ..context };
    if !user.is_empty() {
        context.user = user;
    }
    boot.start(Launch { words, context, scope: Scope::of_init() });
}
