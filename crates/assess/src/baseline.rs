// SPDX-License-Identifier: Apache-2.0
//! What is new since an earlier scan.

use std::collections::HashMap;

use kakoi_model::Finding;

/// The findings whose fingerprint the baseline does not hold, or holds with a lower severity.
pub fn new_findings(findings: &[Finding], baseline: &[Finding]) -> Vec<Finding> {
    let mut known = HashMap::new();
    for finding in baseline {
        let worst = known.entry(finding.fingerprint.as_str()).or_insert(finding.severity);
        *worst = (*worst).max(finding.severity);
    }
    let is_new = |finding: &&Finding| {
        known.get(finding.fingerprint.as_str()).is_none_or(|&worst| worst < finding.severity)
    };
    findings.iter().filter(is_new).cloned().collect()
}
