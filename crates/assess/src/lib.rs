// SPDX-License-Identifier: Apache-2.0
//! From facts to findings: pure rules, one file each.
//!
//! [`assess`] runs every rule of [`RULES`] over the facts of one scan. A rule answers found, clear
//! or cannot tell; what cannot be told is counted ([`Assessment::cannot_tell`]) and never becomes
//! a finding.
//!
//! [`stages`] judges what intruders do: from command lines and events to infection stages.
//!
//! Invariant: depends on `model` and `shell` only; no file, clock or network. Dates are compared with the time
//! of the scan, which is part of the facts.

#![forbid(unsafe_code)]

mod baseline;
mod catalogue;
mod rule;
mod rules;
mod scan;
pub mod stages;
mod tables;
mod version;

use std::collections::BTreeMap;

use kakoi_model::{Facts, Finding};

pub use baseline::new_findings;
pub use catalogue::{catalogue, render_catalogue};
pub use rule::Rule;
pub use rules::RULES;

use scan::Scan;

/// What the rules made of the facts of one scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assessment {
    /// Findings: worst first, then by rule and subject; one per fingerprint.
    pub findings: Vec<Finding>,
    /// How many subjects each rule could not judge, by code.
    pub cannot_tell: BTreeMap<&'static str, u32>,
}

/// Judges a scan. Findings are ordered: worst first, then by rule and subject.
pub fn assess(facts: &Facts) -> Vec<Finding> {
    weigh(facts).findings
}

/// Judges a scan, and counts what could not be judged.
pub fn weigh(facts: &Facts) -> Assessment {
    let scan = Scan::new(facts);
    let mut by_fingerprint: BTreeMap<String, Finding> = BTreeMap::new();
    let mut cannot_tell = BTreeMap::new();
    for rule in RULES {
        let (findings, unknown) = rule.run(&scan);
        if unknown > 0 {
            cannot_tell.insert(rule.doc.code, unknown);
        }
        findings.into_iter().for_each(|finding| keep_worst(&mut by_fingerprint, finding));
    }
    let mut findings: Vec<Finding> = by_fingerprint.into_values().collect();
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.rule.clone(), finding.subject.clone());
        b.severity.cmp(&a.severity).then_with(|| key(a).cmp(&key(b)))
    });
    Assessment { findings, cannot_tell }
}

/// One subject may lie in several containers (two firmware slots); the worst of them stands for it.
fn keep_worst(kept: &mut BTreeMap<String, Finding>, finding: Finding) {
    match kept.get(&finding.fingerprint) {
        Some(other) if other.severity >= finding.severity => {}
        _ => {
            kept.insert(finding.fingerprint.clone(), finding);
        }
    }
}
