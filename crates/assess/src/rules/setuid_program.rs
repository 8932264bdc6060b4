// SPDX-License-Identifier: Apache-2.0
//! `setuid-program`: a program that runs as its owner, whoever starts it.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "setuid-program",
        title: "Set-user-ID program",
        theme: Theme::Permissions,
        mildest: Severity::Info,
        worst: Severity::High,
        how: "Fires for set-user-ID files of root: high for shells, interpreters and editors, which give \
              root away by design; medium for BusyBox, which drops the right in most applets only when \
              it is configured to; info for the rest.",
        false_positives: "BusyBox with a correct /etc/busybox.conf; devices on which no other user than \
                          root exists.",
        false_negatives: "Containers that record no modes; programs with file capabilities.",
        remedy: "`chmod u-s`, or give only the capability that is needed with `setcap`.",
        references: &[Cwe(250), Etsi("5.6-7"), Cra("I(2)(j)")],
    },
    check: Check::Image(check),
};

const GIVES_ROOT: [&str; 19] = [
    "sh", "ash", "bash", "dash", "python", "python3", "perl", "lua", "php", "vi", "vim", "find",
    "awk", "gawk", "tar", "cp", "gdb", "strace", "env",
];

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let judge = |permission: &kakoi_model::Permission| {
        if permission.notable != NotablePermission::SetUserId || permission.uid.unwrap_or(0) != 0 {
            return Verdict::Clear;
        }
        let name = String::from_utf8_lossy(permission.file.path.file_name()).into_owned();
        let (severity, why) = match name.as_str() {
            "busybox" => (Severity::Medium, "; all its applets share the bit"),
            name if GIVES_ROOT.contains(&name) => {
                (Severity::High, "; it gives root away by design")
            }
            _ => (Severity::Info, ""),
        };
        let message =
            format!("It runs as root whoever starts it{why} (mode {:04o}).", permission.mode);
        of_permission(Weakness::new(severity, message), permission)
    };
    scan.facts.permissions().map(judge).collect()
}
