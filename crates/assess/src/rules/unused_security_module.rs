// SPDX-License-Identifier: Apache-2.0
//! `unused-security-module`: a security module is compiled in, and nothing uses it.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "unused-security-module",
        title: "Security module compiled but not used",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Low,
        how: "For modules that need a policy (SELinux, AppArmor, Smack, TOMOYO): fires where one is \
              compiled, and it is known not to be enabled at boot, or known to have no policy in the \
              image, or known not to have its policy loaded.",
        false_positives: "A policy that arrives after the first boot.",
        false_negatives: "A policy that allows everything counts as used.",
        remedy: "Enable the module (`CONFIG_LSM=`, `lsm=`), ship a policy for what starts at boot and \
                 load it before the services; or take the module out of the kernel.",
        references: &[Cwe(693), Etsi("5.6-7"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

const NEED_POLICY: [&str; 4] = ["selinux", "apparmor", "smack", "tomoyo"];

fn check(kernel: &KernelFacts, _: &Scan<'_>) -> Vec<Verdict> {
    let with_policy = kernel.lsm.iter().filter(|lsm| NEED_POLICY.contains(&lsm.name.as_str()));
    with_policy
        .filter(|lsm| lsm.compiled.is_present())
        .map(|lsm| {
            let missing = [
                (&lsm.enabled, "is not enabled at boot"),
                (&lsm.policy_present, "has no policy in the image"),
                (&lsm.policy_loaded, "has a policy that start-up does not load"),
            ];
            match missing.iter().find(|(step, _)| !step.is_present()) {
                None => Verdict::Clear,
                Some((step, _)) if !step.is_absent() => Verdict::CannotTell,
                Some((_, what)) => {
                    let message = format!("{} is compiled into the kernel and {what}.", lsm.name);
                    Weakness::new(Severity::Low, message)
                        .about(lsm.name.as_str())
                        .because(lsm.evidence.clone())
                        .found()
                }
            }
        })
        .collect()
}
