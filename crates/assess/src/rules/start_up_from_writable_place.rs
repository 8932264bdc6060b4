// SPDX-License-Identifier: Apache-2.0
//! `start-up-from-writable-place`: boot runs a program from where others may put one.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "start-up-from-writable-place",
        title: "Boot runs programs from a writable place",
        theme: Theme::StartUp,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "Fires where start-up runs a program or script whose path lies in a place that is writable \
              or comes from outside: /tmp, /var/tmp, /dev/shm (high), /mnt, /media, /data, /mtd, \
              /usr/local/config, /jffs and the like (medium). What is put there survives a restart.",
        false_positives: "Partitions that are verified before they are mounted; files in /tmp that \
                          start-up has just put there itself.",
        false_negatives: "Writable overlays over the whole root file system.",
        remedy: "Run programs from the read-only image only; mount writable places with `noexec`.",
        references: &[Cwe(427), Etsi("5.6-7"), Cra("I(2)(f)")],
    },
    check: Check::Image(check),
};

const OPEN: [&str; 5] = ["/tmp/", "/var/tmp/", "/var/run/", "/run/", "/dev/shm/"];
const KEPT: [&str; 9] = [
    "/mnt/",
    "/media/",
    "/data/",
    "/mtd/",
    "/jffs/",
    "/jffs2/",
    "/overlay/",
    "/nvram/",
    "/usr/local/config/",
];

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    scan.facts.start_ups().map(judge).collect()
}

fn judge(start: &kakoi_model::StartUp) -> Verdict {
    let within = |places: &[&str]| places.iter().any(|place| start.command.starts_with(place));
    let severity = match (within(&OPEN), within(&KEPT)) {
        (true, _) => Severity::High,
        (_, true) => Severity::Medium,
        _ => return Verdict::Clear,
    };
    let message = format!("Start-up runs `{}`, which lies in a writable place.", start.command);
    let weakness = Weakness::new(severity, message)
        .about(start.command.as_str())
        .because(start.chain.last().cloned())
        .at_boot(Boot::Starts);
    match start.chain.last().and_then(|step| step.file.as_ref()) {
        Some(file) => weakness.in_file(file).found(),
        None => weakness.found(),
    }
}
