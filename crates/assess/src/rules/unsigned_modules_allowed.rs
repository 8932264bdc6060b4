// SPDX-License-Identifier: Apache-2.0
//! `unsigned-modules-allowed`: whoever is root can load any code into the kernel.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unsigned-modules-allowed",
        title: "Kernel loads unsigned modules",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Fires where MODULES is on and MODULE_SIG_FORCE is known to be off: medium without \
              MODULE_SIG, low with it.",
        false_positives: "`module.sig_enforce=1` or lockdown may be set on the command line; LoadPin may \
                          tie modules to a verified file system.",
        false_negatives: "Kernels before 3.7, which cannot check signatures; configurations that are not \
                          told.",
        remedy: "Set `CONFIG_MODULE_SIG=y`, `CONFIG_MODULE_SIG_ALL=y` and `CONFIG_MODULE_SIG_FORCE=y`, \
                 or build without modules.",
        references: &[Cwe(347), Kspp("MODULE_SIG_FORCE"), Cra("I(2)(f)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    match find_switch(kernel, "MODULES") {
        Switch::Off(_) => return vec![Verdict::Clear],
        Switch::Unknown | Switch::Missing => return vec![Verdict::CannotTell],
        Switch::On(_) => {}
    }
    let signed = matches!(find_switch(kernel, "MODULE_SIG"), Switch::On(_));
    let severity = if signed { Severity::Low } else { Severity::Medium };
    let force = find_switch(kernel, "MODULE_SIG_FORCE");
    vec![force.off_is_weak(severity, "The kernel loads modules that nobody signed.")]
}
