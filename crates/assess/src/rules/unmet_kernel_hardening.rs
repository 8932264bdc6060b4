// SPDX-License-Identifier: Apache-2.0
//! `unmet-kernel-hardening`: an option that would make the kernel harder to attack is not set so.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unmet-kernel-hardening",
        title: "Kernel hardening option not as wanted",
        theme: Theme::Kernel,
        mildest: Severity::Info,
        worst: Severity::Info,
        how: "One finding for each hardening option that exists in this version on this architecture and \
              is known to have another value than wanted. Options that have a rule of their own are \
              left to it.",
        false_positives: "Options whose cost or effect on functions a product cannot take.",
        false_negatives: "Options that are not told; settings made at run time.",
        remedy: "Set the option as wanted.",
        references: &[Cwe(693), Kspp("recommended settings"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

/// Options that other rules judge.
const ELSEWHERE: [&str; 15] = [
    "STRICT_KERNEL_RWX",
    "STACKPROTECTOR",
    "DEVMEM",
    "DEVKMEM",
    "STRICT_DEVMEM",
    "IO_STRICT_DEVMEM",
    "SECURITY_DMESG_RESTRICT",
    "MODULE_SIG_FORCE",
    "MODULES",
    "SECCOMP",
    "SECCOMP_FILTER",
    "RANDOMIZE_BASE",
    "KGDB",
    "PROC_KCORE",
    "DEBUG_FS",
];

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let own = kernel.hardening.iter().filter(|each| !ELSEWHERE.contains(&each.option.as_str()));
    own.map(|hardening| match &hardening.verdict {
        HardeningVerdict::NotMet { found } => {
            let (option, wanted) = (&hardening.option, &hardening.wanted);
            let message =
                format!("CONFIG_{option} is {found}, wanted {wanted}: {}.", hardening.purpose);
            Weakness::new(Severity::Info, message)
                .about(format!("CONFIG_{option}"))
                .because([Evidence::new(format!("CONFIG_{option}={found}"))])
                .remedy(setting(option, wanted))
                .found()
        }
        HardeningVerdict::Undetermined { .. } => Verdict::CannotTell,
        _ => Verdict::Clear,
    })
    .collect()
}

fn setting(option: &str, wanted: &str) -> String {
    match wanted {
        "n" => format!("Set `# CONFIG_{option} is not set`."),
        value => format!("Set `CONFIG_{option}={value}`."),
    }
}
