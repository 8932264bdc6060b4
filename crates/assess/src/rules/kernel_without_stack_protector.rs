// SPDX-License-Identifier: Apache-2.0
//! `kernel-without-stack-protector`: overflows on kernel stacks go unnoticed.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "kernel-without-stack-protector",
        title: "Kernel without stack protector",
        theme: Theme::Kernel,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires where STACKPROTECTOR (CC_STACKPROTECTOR before 4.18) is known to be off in a kernel \
              and on an architecture that has it.",
        false_positives: "None known where the configuration was read.",
        false_negatives: "Kernels and architectures without the option; configurations that are not \
                          told.",
        remedy: "Set `CONFIG_STACKPROTECTOR=y` and `CONFIG_STACKPROTECTOR_STRONG=y`.",
        references: &[Cwe(121), Kspp("STACKPROTECTOR_STRONG"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let switch = find_switch(kernel, "STACKPROTECTOR");
    vec![switch.off_is_weak(Severity::Medium, "The kernel is built without stack protector.")]
}
