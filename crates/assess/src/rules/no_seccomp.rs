// SPDX-License-Identifier: Apache-2.0
//! `no-seccomp`: services cannot be held to the system calls that they need.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "no-seccomp",
        title: "Kernel without system-call filters",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires where SECCOMP_FILTER, or SECCOMP, is known to be off in a kernel and on an \
              architecture that has it.",
        false_positives: "None known where the configuration was read.",
        false_negatives: "Kernels before the option (3.5 on x86, 3.8 on ARM, 3.16 on MIPS); filters that \
                          exist and that nobody uses.",
        remedy: "Set `CONFIG_SECCOMP=y` and `CONFIG_SECCOMP_FILTER=y`.",
        references: &[Cwe(693), Kspp("SECCOMP_FILTER"), Etsi("5.6-7"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let message = "The kernel cannot filter the system calls of a service.";
    let seccomp = find_switch(kernel, "SECCOMP");
    let switch = if matches!(seccomp, Switch::Off(_)) {
        seccomp
    } else {
        find_switch(kernel, "SECCOMP_FILTER")
    };
    vec![switch.off_is_weak(Severity::Low, message)]
}
