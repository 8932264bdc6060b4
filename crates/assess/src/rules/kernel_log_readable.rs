// SPDX-License-Identifier: Apache-2.0
//! `kernel-log-readable`: every user sees the addresses that the kernel prints.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "kernel-log-readable",
        title: "Kernel log open to every user",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires where SECURITY_DMESG_RESTRICT is known to be off. The log tells addresses that \
              defeat address randomisation.",
        false_positives: "The sysctl `kernel.dmesg_restrict` may be set at boot.",
        false_negatives: "Configurations that are not told.",
        remedy: "Set `CONFIG_SECURITY_DMESG_RESTRICT=y`, or `kernel.dmesg_restrict=1` and \
                 `kernel.kptr_restrict=2` at boot.",
        references: &[Cwe(200), Kspp("SECURITY_DMESG_RESTRICT"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let switch = find_switch(kernel, "SECURITY_DMESG_RESTRICT");
    vec![switch.off_is_weak(Severity::Low, "Every user can read the kernel log.")]
}
