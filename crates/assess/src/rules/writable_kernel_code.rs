// SPDX-License-Identifier: Apache-2.0
//! `writable-kernel-code`: the kernel can change its own code and constants.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "writable-kernel-code",
        title: "Kernel code is writable",
        theme: Theme::Kernel,
        mildest: Severity::Medium,
        worst: Severity::Medium,
        how: "Fires where STRICT_KERNEL_RWX (DEBUG_RODATA before 4.11) is known to be off in a kernel \
              and on an architecture that has it.",
        false_positives: "None known where the configuration was read; an inferred option names its \
                          witness.",
        false_negatives: "Kernels that are too old for the option, or whose configuration is not told.",
        remedy: "Set `CONFIG_STRICT_KERNEL_RWX=y` and `CONFIG_STRICT_MODULE_RWX=y`.",
        references: &[Cwe(119), Kspp("STRICT_KERNEL_RWX"), Etsi("5.6-8"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let switch = find_switch(kernel, "STRICT_KERNEL_RWX");
    vec![switch.off_is_weak(Severity::Medium, "The kernel does not write-protect its own code.")]
}
