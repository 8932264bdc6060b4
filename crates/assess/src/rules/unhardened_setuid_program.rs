// SPDX-License-Identifier: Apache-2.0
//! `unhardened-setuid-program`: a program that runs as root for anybody lacks mitigations.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unhardened-setuid-program",
        title: "Set-user-ID program without mitigations",
        theme: Theme::Programs,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "For set-user-ID root programs: high with two or more of executable stack, fixed addresses, \
              no stack protector, writable table of imports; medium with one.",
        false_positives: "Devices on which no other user than root exists.",
        false_negatives: "What cannot be told is not counted as lacking.",
        remedy: "Remove the bit (`chmod u-s`), or build with `-fPIE -pie -fstack-protector-strong \
                 -Wl,-z,relro,-z,now,-z,noexecstack`.",
        references: &[Cwe(250), Etsi("5.6-7"), Cra("I(2)(k)")],
    },
    check: Check::Binary(check),
};

fn check(binary: &Binary<'_>) -> Verdict {
    if !binary.is_setuid_root() || binary.elf.role != ElfRole::Executable {
        return Verdict::Clear;
    }
    let hardening = &binary.elf.hardening;
    let lacking: Vec<&str> = [
        ("executable stack", hardening.nx.observed.is_absent()),
        ("fixed addresses", hardening.pie.observed.is_absent()),
        ("no stack protector", hardening.stack_protector.observed.is_absent()),
        ("writable table of imports", hardening.relro.observed.is_absent()),
    ]
    .into_iter()
    .filter_map(|(name, lacks)| lacks.then_some(name))
    .collect();
    let severity = match lacking.len() {
        0 => return Verdict::Clear,
        1 => Severity::Medium,
        _ => Severity::High,
    };
    let mode = binary.file.mode.unwrap_or_default();
    let message = format!("It runs as root whoever starts it, with {}.", lacking.join(", "));
    Weakness::new(severity, message).because([Evidence::new(format!("mode {mode:04o}"))]).found()
}
