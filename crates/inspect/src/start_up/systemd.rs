// SPDX-License-Identifier: Apache-2.0
//! systemd: the units that `default.target` pulls in.

use std::collections::BTreeSet;

use kakoi_model::{Evidence, ImagePath, StartCertainty, StartMechanism};

use super::boot::{Boot, Launch};
use super::context::Context;
use super::run_level;
use super::shell::{Scope, exists};
use super::unit::{Setting, Unit};

/// Units that are followed.
const MAX_UNITS: usize = 2000;
/// Conditions on files; all others depend on the machine.
const PATH_CONDITIONS: &[&str] = &[
    "ConditionPathExists",
    "ConditionPathIsDirectory",
    "ConditionFileNotEmpty",
    "ConditionFileIsExecutable",
    "ConditionPathIsReadWrite",
    "ConditionDirectoryNotEmpty",
];

/// Follows the boot of systemd.
pub(super) fn start(boot: &mut Boot<'_>, context: &Context) {
    let context = context.clone().by(StartMechanism::Systemd);
    let mut seen = BTreeSet::new();
    // Every service comes after these (DefaultDependencies=), so they are first.
    let mut queue: Vec<(String, Context)> = ["default.target", "basic.target", "sysinit.target"]
        .iter()
        .map(|name| ((*name).to_owned(), context.clone()))
        .collect();
    if Unit::load(boot, "default.target").is_none() {
        queue.insert(0, ("multi-user.target".to_owned(), context.clone()));
    }
    while let Some((name, context)) = queue.pop() {
        if seen.len() >= MAX_UNITS || !seen.insert(name.clone()) {
            continue;
        }
        let Some(unit) = Unit::load(boot, &name) else { continue };
        let Some(context) = under_conditions(boot, &unit, context) else { continue };
        seen.insert(unit.name.clone());
        let place = boot.root().place(&unit.path);
        let here = context.with(Evidence::new(format!("unit {}", unit.name)).in_file(place));
        let mut wanted = unit.wanted(boot);
        wanted.reverse();
        queue.extend(wanted.into_iter().map(|name| (name, here.clone())));
        start_unit(boot, &unit, &here, &mut queue);
    }
    let has_unit = |name: &str| seen.contains(&format!("{name}.service"));
    run_level::start_for_systemd(boot, &context, &has_unit);
}

fn start_unit(
    boot: &mut Boot<'_>,
    unit: &Unit,
    here: &Context,
    queue: &mut Vec<(String, Context)>,
) {
    let (stem, kind) = unit.name.rsplit_once('.').unwrap_or((&unit.name, ""));
    let on_event = here.clone().at_most(StartCertainty::Conditional);
    let named = |key: &str| unit.value(key).map(str::to_owned);
    match kind {
        "service" => start_service(boot, unit, here),
        "socket" => {
            let accepts =
                unit.value("Accept").is_some_and(|value| value == "yes" || value == "true");
            let own = if accepts { format!("{stem}@.service") } else { format!("{stem}.service") };
            let service = named("Service").unwrap_or(own);
            let mut context = on_event;
            context.port = port_of(unit);
            queue.push((service, context));
        }
        "timer" => {
            let service = named("Unit").unwrap_or_else(|| format!("{stem}.service"));
            queue.push((service, on_event.by(StartMechanism::Cron)));
        }
        "path" => {
            let service = named("Unit").unwrap_or_else(|| format!("{stem}.service"));
            queue.push((service, on_event));
        }
        _ => {}
    }
}

fn start_service(boot: &mut Boot<'_>, unit: &Unit, here: &Context) {
    let stays = unit.value("Type") != Some("oneshot");
    for (key, main) in [("ExecStartPre", false), ("ExecStart", true), ("ExecStartPost", false)] {
        for setting in unit.all(key) {
            for words in unit.commands(setting) {
                let mut context = here.with(evidence_of(boot, setting));
                context.service = main && stays;
                if !main {
                    context.port = None;
                }
                if let Some(user) = unit.value("User") {
                    context.user = user.to_owned();
                }
                boot.start(Launch { words, context, scope: Scope::of_init() });
            }
        }
    }
}

fn evidence_of(boot: &Boot<'_>, setting: &Setting) -> Evidence {
    Evidence::new("starts the next step")
        .in_file(boot.root().place(&setting.file))
        .on_line(setting.line)
        .with_excerpt(format!("{}={}", setting.key, setting.value).as_bytes())
}

/// The context under the conditions of a unit; none when one is known to fail.
fn under_conditions(boot: &Boot<'_>, unit: &Unit, context: Context) -> Option<Context> {
    let mut doubtful = false;
    for setting in unit.beginning("Condition") {
        let (negated, path) = match setting.value.trim_start_matches('|').strip_prefix('!') {
            Some(path) => (true, path),
            None => (false, setting.value.trim_start_matches('|')),
        };
        let on_path = PATH_CONDITIONS.contains(&setting.key.as_str());
        let truth = if on_path { exists(boot.root(), &ImagePath::from(path)) } else { None };
        match truth.map(|truth| truth != negated) {
            Some(true) => {}
            Some(false) => return None,
            None => doubtful = true,
        }
    }
    Some(if doubtful { context.at_most(StartCertainty::Conditional) } else { context })
}

/// The first port of a socket unit that is one of the network.
fn port_of(unit: &Unit) -> Option<String> {
    for (key, protocol) in [("ListenStream", "tcp"), ("ListenDatagram", "udp")] {
        for setting in unit.all(key) {
            let port = setting.value.rsplit(':').next().unwrap_or_default();
            if let Ok(port) = port.parse::<u16>() {
                return Some(format!("{protocol}:{port}"));
            }
        }
    }
    None
}
