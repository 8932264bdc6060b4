// SPDX-License-Identifier: Apache-2.0
//! `world-writable-files`: files and directories that anybody may change, by directory.

use super::prelude::*;
use std::collections::BTreeMap;

use kakoi_model::{ContainerId, FileRef, ImagePath, Permission};

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "world-writable-files",
        title: "Files that anybody may change",
        theme: Theme::Permissions,
        mildest: Severity::Info,
        worst: Severity::Low,
        how: "One finding for each directory that holds files writable by everybody, or that is itself \
              so without the sticky bit: low beneath /etc, info elsewhere. Programs and steps of \
              start-up have rules of their own.",
        false_positives: "Read-only file systems; directories that a memory file system covers at boot; \
                          devices on which no other user than root exists.",
        false_negatives: "Containers that record no modes.",
        remedy: "`chmod o-w` before packing; give shared directories the sticky bit (`chmod +t`).",
        references: &[Cwe(732), Etsi("5.6-7"), Cra("I(2)(f)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let steps = scan.boot_steps();
    let mut by_directory: BTreeMap<(ContainerId, ImagePath), Vec<&Permission>> = BTreeMap::new();
    for permission in scan.facts.permissions() {
        let directory = match permission.notable {
            NotablePermission::WorldWritableDirectory => permission.file.path.clone(),
            NotablePermission::WorldWritable
                if permission.mode & 0o111 == 0 && !steps.contains(&permission.file) =>
            {
                permission.file.path.parent().unwrap_or_default()
            }
            _ => continue,
        };
        by_directory.entry((permission.file.container, directory)).or_default().push(permission);
    }
    let found = |((container, path), entries): ((ContainerId, ImagePath), Vec<&Permission>)| {
        let severity = if path.is_within(&"/etc".into()) { Severity::Low } else { Severity::Info };
        let message = match entries.len() {
            1 => "Anybody may change one entry here.".to_owned(),
            count => format!("Anybody may change {count} entries here."),
        };
        let evidence = entries
            .iter()
            .take(5)
            .map(|it| Evidence::new(format!("mode {:04o}", it.mode)).in_file(it.file.clone()));
        Weakness::new(severity, message)
            .in_file(&FileRef { container, path })
            .because(evidence)
            .found()
    };
    by_directory.into_iter().map(found).collect()
}
