// SPDX-License-Identifier: Apache-2.0
//! What nearly every rule uses.

pub(super) use kakoi_model::Reference::{Cra, Cwe, Etsi, Kspp};
pub(super) use kakoi_model::{
    Absence, ElfRole, Evidence, HardeningVerdict, KernelFacts, Linkage, Mitigation,
    NotablePermission, Observed, Password, ProblemCode, Relro, RuleDoc, SecretKind, Severity,
    StartMechanism, Symbols, Theme,
};

pub(super) use crate::rule::{Boot, Check, Rule, Verdict, Weakness};
pub(super) use crate::scan::{Binary, Exposure, Scan};

pub(super) use super::kernel_option::{Switch, find_switch};
pub(super) use super::listening::{find_at_boot, has_at_boot};
pub(super) use super::subject::{
    can_log_in, is_named, of_account, of_component, of_permission, of_secret,
};

/// The usual rule on a mitigation: absent is the weakness, unless there is nothing to protect or
/// the machine has no such thing.
pub(super) fn mitigation<T>(
    binary: &Binary<'_>,
    mitigation: &Mitigation<T>,
    base: Severity,
    weakness: &str,
) -> Lack {
    match (&mitigation.observed, mitigation.absence) {
        (Observed::Present(_), _)
        | (_, Some(Absence::NotApplicable | Absence::ArchitectureCannot)) => Lack(Verdict::Clear),
        (Observed::Undetermined(_), _) => Lack(Verdict::CannotTell),
        (Observed::Absent, _) => {
            let message = format!("{} {weakness}.", binary.described());
            let weakness = Weakness::new(binary.graded(base), message);
            Lack(weakness.because(mitigation.evidence.clone()).found())
        }
    }
}

/// What [`mitigation`] found.
pub(super) struct Lack(Verdict);

impl Lack {
    pub(super) fn verdict(self) -> Verdict {
        self.0
    }

    /// With another remedy, if anything was found.
    pub(super) fn remedy(self, remedy: &str) -> Verdict {
        match self.0 {
            Verdict::Found(weakness) => weakness.remedy(remedy).found(),
            other => other,
        }
    }
}
