// SPDX-License-Identifier: Apache-2.0
//! `console-without-login`: the serial console gives a shell to whoever opens the case.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "console-without-login",
        title: "Shell on the console without login",
        theme: Theme::Exposure,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires where inittab starts a shell (sh, ash, bash, with or without a leading dash) that \
              runs no script, or a getty or login that is told to skip the password.",
        false_positives: "Boards whose console is not brought out; single-user entries that are not \
                          reached.",
        false_negatives: "Consoles that programs open themselves.",
        remedy: "Start `getty` with `login` in its place, or nothing in release images.",
        references: &[Cwe(306), Cwe(1299), Etsi("5.6-4A"), Cra("I(2)(d)"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

const SHELLS: [&str; 6] = ["sh", "ash", "bash", "dash", "hush", "msh"];

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let lines = scan.facts.start_ups().filter(|it| it.mechanism == StartMechanism::Inittab);
    lines
        .filter(|start| is_open(start))
        .map(|start| {
            let command = [vec![start.command.clone()], start.arguments.clone()].concat().join(" ");
            let message = format!("`{command}` runs on the console without login.");
            let weakness = Weakness::new(Severity::Medium, message)
                .about(format!("console {command}"))
                .because(start.chain.last().cloned())
                .at_boot(Boot::Starts);
            match start.chain.last().and_then(|step| step.file.as_ref()) {
                Some(file) => weakness.in_file(file).found(),
                None => weakness.found(),
            }
        })
        .collect()
}

fn is_open(start: &kakoi_model::StartUp) -> bool {
    let name = start.command.rsplit('/').next().unwrap_or_default().trim_start_matches('-');
    let options = || start.arguments.iter().map(String::as_str);
    if SHELLS.contains(&name) {
        return options().all(|option| option.starts_with('-') && !option.contains('c'));
    }
    match name {
        "getty" | "agetty" | "mgetty" => {
            options().any(|option| matches!(option, "-n" | "--autologin" | "-a" | "--skip-login"))
                && options().any(|option| option.ends_with("sh") || option.contains("autologin"))
        }
        "login" => options().any(|option| option == "-f"),
        _ => false,
    }
}
