// SPDX-License-Identifier: Apache-2.0
//! `world-writable-program`: anybody may change what others run.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "world-writable-program",
        title: "Program that anybody may change",
        theme: Theme::Permissions,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Fires for regular files that are executable and writable by everybody: medium where the \
              file runs at boot, low elsewhere. Steps of start-up have a rule of their own.",
        false_positives: "File systems that are mounted read-only (squashfs, cramfs, romfs) keep the \
                          mode and refuse the write; devices on which no other user than root exists.",
        false_negatives: "Containers that record no modes.",
        remedy: "`chmod o-w` before packing; set modes in the build (for example mksquashfs \
                 `-all-root`, a umask of 022).",
        references: &[Cwe(732), Etsi("5.6-7"), Cra("I(2)(f)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let steps = scan.boot_steps();
    let judge = |permission: &kakoi_model::Permission| {
        let runs = scan.exposure(&permission.file) > Exposure::Dormant;
        if permission.notable != NotablePermission::WorldWritable
            || permission.mode & 0o111 == 0
            || steps.contains(&permission.file)
        {
            return Verdict::Clear;
        }
        let (severity, boot) = match runs {
            true => (Severity::Medium, Boot::Starts),
            false => (Severity::Low, Boot::NotSeen),
        };
        let message = format!("Anybody may change this program (mode {:04o}).", permission.mode);
        of_permission(Weakness::new(severity, message).at_boot(boot), permission)
    };
    scan.facts.permissions().map(judge).collect()
}
