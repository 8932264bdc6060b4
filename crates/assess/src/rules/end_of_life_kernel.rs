// SPDX-License-Identifier: Apache-2.0
//! `end-of-life-kernel`: nobody repairs this kernel series any more.

use super::prelude::*;
use crate::tables::kernel_series::find_end;
use kakoi_model::Date;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "end-of-life-kernel",
        title: "Kernel series without support",
        theme: Theme::Kernel,
        mildest: Severity::Medium,
        worst: Severity::High,
        how: "Compares the end of support of the kernel series (a table of kernel.org's dates, with the \
              day for each series) with the time of the scan. High from two years after the end.",
        false_positives: "A vendor or distribution that still repairs the series itself. Kernels of the \
                          Civil Infrastructure Platform (`-cip` in the release) are passed over.",
        false_negatives: "Series whose end is only planned are not in the table; neither are old minor \
                          versions of a supported series.",
        remedy: "Move to a long-term series that is supported for the life of the product.",
        references: &[Cwe(1104), Etsi("5.3-8"), Cra("I(2)(a)"), Cra("I(2)(c)")],
    },
    check: Check::Kernel(check),
};

fn check(kernel: &KernelFacts, scan: &Scan<'_>) -> Vec<Verdict> {
    if kernel.release.contains("-cip") {
        return vec![Verdict::Clear];
    }
    let Some(end) = find_end(kernel.version) else { return vec![Verdict::Clear] };
    let Some(today) = scan.time.and_then(Date::of) else { return vec![Verdict::CannotTell] };
    if today <= end {
        return vec![Verdict::Clear];
    }
    let years = end.years_until(today);
    let severity = if years >= 2 { Severity::High } else { Severity::Medium };
    let message = match years {
        0 => format!("Support of Linux {} ended on {end}.", kernel.version),
        1 => format!(
            "Support of Linux {} ended on {end}, over a year before the scan.",
            kernel.version
        ),
        _ => format!(
            "Support of Linux {} ended on {end}, {years} years before the scan.",
            kernel.version
        ),
    };
    vec![Weakness::new(severity, message).because(kernel.evidence.iter().take(2).cloned()).found()]
}
