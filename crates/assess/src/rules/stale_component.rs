// SPDX-License-Identifier: Apache-2.0
//! `stale-component`: a version is so old that years of repairs are missing.

use super::prelude::*;
use crate::tables::component_end::find_end;
use crate::tables::component_release::find_latest_release;
use crate::version::parse_numbers;
use kakoi_model::Date;

pub(super) const RULE: Rule = Rule {
    doc: RuleDoc {
        code: "stale-component",
        title: "Component years behind",
        theme: Theme::Supply,
        mildest: Severity::Info,
        worst: Severity::Medium,
        how: "Compares the day on which the version came out (a table) with the time of the scan; fires \
              from five years on. For projects that repair only their newest version. Info for what \
              lies there, low where it starts at boot, medium where it listens.",
        false_positives: "Repairs that the vendor or distribution took over without changing the version.",
        false_negatives: "Components and versions that the table does not know.",
        remedy: "Move to the current version.",
        references: &[Cwe(1104), Etsi("5.3-8"), Cra("I(2)(a)")],
    },
    check: Check::Image(check),
};

/// Years after which a version counts as stale.
const STALE_YEARS: u32 = 5;

fn check(scan: &Scan<'_>) -> Vec<Verdict> {
    scan.facts.components().map(|component| judge(component, scan)).collect()
}

fn judge(component: &kakoi_model::Component, scan: &Scan<'_>) -> Verdict {
    let Some(version) = component.version.present() else { return Verdict::CannotTell };
    let numbers = parse_numbers(version);
    let project = component.upstream.as_deref().unwrap_or(&component.name);
    let Some(released) = find_latest_release(project, &numbers) else {
        return Verdict::Clear;
    };
    if find_end(project, &numbers).is_some() {
        return Verdict::Clear;
    }
    let Some(today) = scan.time.and_then(Date::of) else { return Verdict::CannotTell };
    let years = released.years_until(today);
    if years < STALE_YEARS {
        return Verdict::Clear;
    }
    let message = format!(
        "{} {version} came out by {:04}-{:02}, {years} years before the scan.",
        component.name, released.0, released.1
    );
    of_component(component, scan, Severity::Info, message).found()
}
