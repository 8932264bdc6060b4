// SPDX-License-Identifier: Apache-2.0
//! `kernel-debug-interface`: the kernel ships with interfaces made for its developers.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "kernel-debug-interface",
        title: "Debug interface in the kernel",
        theme: Theme::Kernel,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Looks for KGDB and KDB (medium), PROC_KCORE (low), and DEBUG_FS and MAGIC_SYSRQ (info) that \
              are known to be on.",
        false_positives: "Tracing that a product uses needs DEBUG_FS.",
        false_negatives: "Vendor interfaces (own /proc files) have no option that is known.",
        remedy: "Build the release kernel with the option off: `# CONFIG_… is not set`.",
        references: &[Cwe(1191), Kspp("PROC_KCORE"), Etsi("5.6-4A"), Cra("I(2)(j)")],
    },
    check: Check::Kernel(check),
};

const INTERFACES: [(&str, Severity, &str); 5] = [
    ("KGDB", Severity::Medium, "A debugger can be attached to the kernel."),
    ("KGDB_KDB", Severity::Medium, "The kernel has a debugger on its console."),
    ("PROC_KCORE", Severity::Low, "/proc/kcore gives kernel memory to root."),
    ("DEBUG_FS", Severity::Info, "The kernel has debugfs, which opens driver internals to root."),
    ("MAGIC_SYSRQ", Severity::Info, "Key sequences on the console give commands to the kernel."),
];

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let judge =
        |&(option, severity, message): &(&str, Severity, &str)| match find_switch(kernel, option)
            .on_is_weak(severity, message)
        {
            Verdict::Found(weakness) => weakness.about(format!("CONFIG_{option}")).found(),
            other => other,
        };
    INTERFACES.iter().map(judge).collect()
}
