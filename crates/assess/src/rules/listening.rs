// SPDX-License-Identifier: Apache-2.0
//! What rules on listening services share.

use kakoi_model::{Observed, Severity};

use crate::rule::{Boot, Verdict, Weakness};
use crate::scan::Scan;

/// One verdict for each listener of these services; found where start-up is known to start it.
pub(super) fn find_at_boot(
    scan: &Scan<'_>,
    services: &[&str],
    severity: Severity,
    message: &str,
) -> Vec<Verdict> {
    let listeners = scan.facts.listeners().filter(|it| services.contains(&it.service.as_str()));
    listeners
        .map(|listener| match listener.starts_at_boot {
            Observed::Absent => Verdict::Clear,
            Observed::Undetermined(_) => Verdict::CannotTell,
            Observed::Present(()) => {
                let port = listener.port.as_ref().map(|port| format!(" on {port}"));
                let message = format!("{message}{}.", port.unwrap_or_default());
                let weakness = Weakness::new(severity, message)
                    .about(listener.service.as_str())
                    .because(listener.evidence.clone())
                    .at_boot(Boot::Starts);
                match &listener.program {
                    Some(program) => weakness.in_file(program).found(),
                    None => weakness.found(),
                }
            }
        })
        .collect()
}

/// Is a listener of this service known to start at boot?
pub(super) fn has_at_boot(scan: &Scan<'_>, service: &str) -> bool {
    let mut listeners = scan.facts.listeners();
    listeners.any(|it| it.service == service && it.starts_at_boot.is_present())
}
