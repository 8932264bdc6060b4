// SPDX-License-Identifier: Apache-2.0
//! `end-of-life-component`: nobody repairs this version any more.

use super::prelude::*;
use crate::tables::component_end::find_end;
use crate::version::parse_numbers;
use kakoi_model::Date;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "end-of-life-component",
        title: "Component without support",
        theme: Theme::Supply,
        mildest: Severity::Low,
        worst: Severity::High,
        how: "Compares the end of support of the version (a table with the day for each run of versions) \
              with the time of the scan. Low for what lies there, medium where it starts at boot, high \
              where it listens.",
        false_positives: "A distribution that still repairs the version itself; a version string that the \
                          vendor left while taking repairs.",
        false_negatives: "Components and versions that the table does not know.",
        remedy: "Move to a supported version.",
        references: &[Cwe(1104), Etsi("5.3-8"), Cra("I(2)(a)")],
    },
    check: Check::Image(check),
};

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    scan.facts.components().map(|component| judge(component, scan)).collect()
}

fn judge(component: &kakoi_model::Component, scan: &Scan<'_>) -> Verdict {
    let version = component.version.present().map(String::as_str);
    // A package of a distribution bears another name than the project: `libssl1.1`.
    let project = component.upstream.as_deref().unwrap_or(&component.name);
    let Some(row) = find_end(project, &parse_numbers(version.unwrap_or_default())) else {
        return if version.is_some() { Verdict::Clear } else { Verdict::CannotTell };
    };
    let Some(today) = scan.time.and_then(Date::of) else { return Verdict::CannotTell };
    if today <= row.ended {
        return Verdict::Clear;
    }
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let message = format!("Support of {}{version} ended by {}.", component.name, row.ended);
    let remedy = format!("Replace it by {}.", row.instead);
    of_component(component, scan, Severity::Low, message).remedy(remedy).found()
}
