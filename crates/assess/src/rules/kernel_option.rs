// SPDX-License-Identifier: Apache-2.0
//! Is a kernel option on, off or not to be told? The hardening verdict comes first, because it
//! knows where an option exists.

use kakoi_model::{Evidence, HardeningVerdict, KernelFacts, Observed, Severity};

use crate::rule::{Verdict, Weakness};

/// State of one option.
pub(super) enum Switch {
    /// `y`, `m` or a value.
    On(Evidence),
    /// Known not to be set, in a kernel that has the option.
    Off(Evidence),
    /// This kernel or architecture does not have the option.
    Missing,
    /// Not told.
    Unknown,
}

/// The state of `option` (without `CONFIG_`).
pub(super) fn find_switch(kernel: &KernelFacts, option: &str) -> Switch {
    let judged = kernel.hardening.iter().find(|each| each.option == option);
    if let Some(hardening) = judged {
        match hardening.verdict {
            HardeningVerdict::NotInVersion { .. } | HardeningVerdict::NotOnArchitecture => {
                return Switch::Missing;
            }
            HardeningVerdict::Undetermined { .. } => return Switch::Unknown,
            HardeningVerdict::Met | HardeningVerdict::NotMet { .. } => {}
        }
    }
    if let Some(found) = kernel.options.get(option) {
        return match &found.value {
            Observed::Present(value) if value == "n" => Switch::Off(witness(option, "n", found)),
            Observed::Present(value) => Switch::On(witness(option, value, found)),
            Observed::Absent => Switch::Off(witness(option, "n", found)),
            Observed::Undetermined(_) => Switch::Unknown,
        };
    }
    match judged {
        Some(hardening) => by_verdict(option, &hardening.wanted, &hardening.verdict),
        None => Switch::Unknown,
    }
}

fn by_verdict(option: &str, wanted: &str, verdict: &HardeningVerdict) -> Switch {
    let value = match verdict {
        HardeningVerdict::Met => wanted,
        HardeningVerdict::NotMet { found } => found,
        _ => return Switch::Unknown,
    };
    let evidence = Evidence::new(format!("CONFIG_{option}={value}"));
    match value {
        "n" | "" | "is not set" | "not set" => Switch::Off(evidence),
        _ => Switch::On(evidence),
    }
}

fn witness(option: &str, value: &str, found: &kakoi_model::KernelOption) -> Evidence {
    let mut what = format!("CONFIG_{option}={value}");
    if let Some(name) = found.found_as.as_ref().filter(|name| name.as_str() != option) {
        what.push_str(&format!(" (as CONFIG_{name})"));
    }
    if let Some(witness) = &found.witness {
        what.push_str(&format!(", inferred from {witness}"));
    }
    Evidence::new(what)
}

impl Switch {
    /// Off is the weakness.
    pub(super) fn off_is_weak(self, severity: Severity, message: &str) -> Verdict {
        match self {
            Self::Off(evidence) => Weakness::new(severity, message).because([evidence]).found(),
            Self::On(_) | Self::Missing => Verdict::Clear,
            Self::Unknown => Verdict::CannotTell,
        }
    }

    /// On is the weakness.
    pub(super) fn on_is_weak(self, severity: Severity, message: &str) -> Verdict {
        match self {
            Self::On(evidence) => Weakness::new(severity, message).because([evidence]).found(),
            Self::Off(_) | Self::Missing => Verdict::Clear,
            Self::Unknown => Verdict::CannotTell,
        }
    }
}
