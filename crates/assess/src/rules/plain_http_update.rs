// SPDX-License-Identifier: Apache-2.0
//! `plain-http-update`: updates come over a connection that anybody can change.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "plain-http-update",
        title: "Updates over plain HTTP or FTP",
        theme: Theme::Supply,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Fires for marks of an update mechanism that names an address with `http:`, `ftp:` or \
              `tftp:`. Low where a mark of a signature check is in the image too.",
        false_positives: "Addresses of information pages; updates whose signature is checked in a way \
                          that leaves no mark.",
        false_negatives: "Addresses that are put together at run time. Addresses that look like those of \
              dynamic DNS services are passed over.",
        remedy: "Fetch over HTTPS with a checked certificate, and check a signature before installing.",
        references: &[Cwe(494), Cwe(319), Etsi("5.3-7"), Etsi("5.3-10"), Cra("I(2)(c)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    let signed = scan.facts.update_marks().any(|mark| mark.kind == "signature-check");
    let severity = if signed { Severity::Low } else { Severity::Medium };
    let marks = scan.facts.update_marks().filter(|mark| is_plain(mark));
    marks
        .map(|mark| {
            let message = format!("Updates come from `{}` without protection.", mark.subject);
            let weakness = Weakness::new(severity, message)
                .about(mark.subject.as_str())
                .because(mark.evidence.clone());
            match mark.evidence.iter().find_map(|evidence| evidence.file.as_ref()) {
                Some(file) => weakness.in_file(file).found(),
                None => weakness.found(),
            }
        })
        .collect()
}

/// Addresses of services that update a name in the DNS, not a device.
const DYNAMIC_NAMES: [&str; 7] =
    ["/nic/", "ddns", "dyndns", "dynamic", "hostname=", "myip=", "//dyn."];

fn is_plain(mark: &kakoi_model::UpdateMark) -> bool {
    let subject = mark.subject.to_ascii_lowercase();
    if DYNAMIC_NAMES.iter().any(|mark| subject.contains(mark)) {
        return false;
    }
    let plain = ["http:", "ftp:", "tftp:"].iter().any(|scheme| subject.starts_with(scheme));
    mark.kind == "plain-http" || (mark.kind == "update-url" && plain)
}
