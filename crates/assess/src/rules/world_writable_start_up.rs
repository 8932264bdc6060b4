// SPDX-License-Identifier: Apache-2.0
//! `world-writable-start-up`: anybody may change what runs as root at boot.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "world-writable-start-up",
        title: "Step of start-up that anybody may change",
        theme: Theme::Permissions,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "Fires for scripts, tables and programs on the way from init to a service that are writable \
              by everybody: high, or medium where the container is a read-only file system.",
        false_positives: "Devices on which no other user than root exists.",
        false_negatives: "Steps that the chain does not show; containers that record no modes.",
        remedy: "`chmod o-w` before packing; set modes in the build.",
        references: &[Cwe(732), Etsi("5.6-7"), Cra("I(2)(f)")],
    },
    check: Check::Image(check),
};

const READ_ONLY: [&str; 4] = ["squashfs", "cramfs", "romfs", "erofs"];

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let steps = scan.boot_steps();
    let read_only = |permission: &kakoi_model::Permission| {
        let mut containers = scan.facts.containers();
        containers.find(|container| container.id == permission.file.container).is_some_and(
            |container| READ_ONLY.iter().any(|name| container.format.starts_with(name)),
        )
    };
    let judge = |permission: &kakoi_model::Permission| {
        if permission.notable != NotablePermission::WorldWritable
            || !steps.contains(&permission.file)
        {
            return Verdict::Clear;
        }
        let severity = if read_only(permission) { Severity::Medium } else { Severity::High };
        let message =
            format!("Anybody may change this step of start-up (mode {:04o}).", permission.mode);
        of_permission(Weakness::new(severity, message).at_boot(Boot::Starts), permission)
    };
    scan.facts.permissions().map(judge).collect()
}
