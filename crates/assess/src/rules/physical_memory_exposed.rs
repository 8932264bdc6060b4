// SPDX-License-Identifier: Apache-2.0
//! `physical-memory-exposed`: /dev/mem gives all memory to root.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "physical-memory-exposed",
        title: "Physical memory behind a device file",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Medium where DEVMEM is on and STRICT_DEVMEM is known to be off; the same for DEVKMEM. Low \
              where DEVMEM is on, STRICT_DEVMEM is on and IO_STRICT_DEVMEM is known to be off.",
        false_positives: "Drivers in user space that need it.",
        false_negatives: "Configurations that are not told; before 4.0 the option DEVMEM did not exist \
                          and /dev/mem was always there.",
        remedy: "Set `# CONFIG_DEVMEM is not set` and `# CONFIG_DEVKMEM is not set`, or at least \
                 `CONFIG_STRICT_DEVMEM=y` and `CONFIG_IO_STRICT_DEVMEM=y`.",
        references: &[Cwe(782), Kspp("STRICT_DEVMEM"), Cra("I(2)(j)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let devmem = find_switch(kernel, "DEVMEM");
    let always_there = kernel.version < kakoi_model::KernelVersion(4, 0, 0);
    let kmem = find_switch(kernel, "DEVKMEM")
        .on_is_weak(Severity::Medium, "/dev/kmem gives kernel memory to root.");
    let mem = match (&devmem, find_switch(kernel, "STRICT_DEVMEM")) {
        (Switch::Off(_), _) => Verdict::Clear,
        (Switch::Unknown | Switch::Missing, _) if !always_there => Verdict::CannotTell,
        (_, Switch::On(_)) => find_switch(kernel, "IO_STRICT_DEVMEM")
            .off_is_weak(Severity::Low, "/dev/mem gives the memory of devices in use to root."),
        (_, strict) => strict
            .off_is_weak(Severity::Medium, "/dev/mem gives all memory to root, kernel included."),
    };
    vec![about(kmem, "/dev/kmem"), about(mem, "/dev/mem")]
}

fn about(verdict: Verdict, subject: &str) -> Verdict {
    match verdict {
        Verdict::Found(weakness) => weakness.about(subject).found(),
        other => other,
    }
}
