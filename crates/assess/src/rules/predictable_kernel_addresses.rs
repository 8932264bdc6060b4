// SPDX-License-Identifier: Apache-2.0
//! `predictable-kernel-addresses`: the kernel always lies at the same place.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "predictable-kernel-addresses",
        title: "Kernel at fixed addresses",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "Fires where RANDOMIZE_BASE is known to be off in a kernel and on an architecture that has \
              it, or where the command line holds `nokaslr`.",
        false_positives: "None known where the configuration was read.",
        false_negatives: "A boot loader that gives no random seed; configurations that are not told.",
        remedy: "Set `CONFIG_RANDOMIZE_BASE=y` and remove `nokaslr` from the command line.",
        references: &[Cwe(330), Kspp("RANDOMIZE_BASE"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let message = "The kernel is not moved to a random address at boot.";
    vec![find_switch(kernel, "RANDOMIZE_BASE").off_is_weak(Severity::Low, message)]
}
