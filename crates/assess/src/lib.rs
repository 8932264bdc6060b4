// SPDX-License-Identifier: Apache-2.0
//! From facts to findings: pure rules, one file each.
//!
//! Invariant: depends on `model` only; no file, clock or network.

#![forbid(unsafe_code)]

use kakoi_model::{Facts, Finding};

/// Judges a scan. Findings are ordered: worst first, then by rule and subject.
pub fn assess(_facts: &Facts) -> Vec<Finding> {
    Vec::new()
}
