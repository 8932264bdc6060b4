// SPDX-License-Identifier: Apache-2.0
//! `no-mandatory-access-control`: nothing holds a service that an attacker took over.

use super::prelude::*;
pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "no-mandatory-access-control",
        title: "No mandatory access control",
        theme: Theme::Kernel,
        mildest: Severity::Low,
        worst: Severity::Medium,
        how: "Fires where each of SELinux, AppArmor, Smack and TOMOYO is known to lack at least one of \
              the four steps: compiled, enabled, policy present, policy loaded. Medium where a service \
              listens.",
        false_positives: "Services that are confined otherwise: own containers, seccomp, Landlock.",
        false_negatives: "A policy that allows everything; modules outside the kernel tree.",
        remedy: "Use a security module with a policy for the listening services; kakoi says which of its \
                 defences fits under \u{201c}Which defence fits\u{201d}.",
        references: &[Cwe(693), Etsi("5.6-7"), Cra("I(2)(k)")],
    },
    check: Check::Kernel(check),
};

const MODULES: [&str; 4] = ["selinux", "apparmor", "smack", "tomoyo"];

fn check(kernel: &KernelFacts, scan: &Scan<'_>) -> Vec<Verdict> {
    let states = || kernel.lsm.iter().filter(|lsm| MODULES.contains(&lsm.name.as_str()));
    let steps = |lsm: &kakoi_model::LsmState| {
        [
            lsm.compiled.clone(),
            lsm.enabled.clone(),
            lsm.policy_present.clone(),
            lsm.policy_loaded.clone(),
        ]
    };
    if states().count() < MODULES.len() {
        return vec![Verdict::CannotTell];
    }
    if states().any(|lsm| steps(lsm).iter().all(Observed::is_present)) {
        return vec![Verdict::Clear];
    }
    if !states().all(|lsm| steps(lsm).iter().any(Observed::is_absent)) {
        return vec![Verdict::CannotTell];
    }
    let listens = scan.facts.listeners().any(|listener| listener.starts_at_boot.is_present());
    let severity = if listens { Severity::Medium } else { Severity::Low };
    let message = "No mandatory access control holds a service that an attacker took over.";
    let evidence = states().flat_map(|lsm| lsm.evidence.first().cloned());
    vec![Weakness::new(severity, message).because(evidence).found()]
}
