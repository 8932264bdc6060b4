// SPDX-License-Identifier: Apache-2.0
//! Findings by severity, then by rule; each with its evidence.

use kakoi_model::{Finding, RuleDoc, Severity};

use super::markup::Markup;
use super::page::{badge, nothing, section, write_evidence, write_sentence};
use crate::overview::{Group, Overview, group};
use crate::text::count;

/// Findings that are shown of one rule and severity.
const MOST_OF_RULE: usize = 250;
/// Findings that are shown at all.
const MOST: usize = 3000;

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>, rules: &[RuleDoc]) {
    section(page, "findings", "Findings", |page| {
        if overview.findings.is_empty() {
            nothing(
                page,
                "No rule found anything. What rules could not tell is in the sections below.",
            );
            return;
        }
        let groups = group(overview.findings);
        let mut left = MOST;
        for severity in Severity::ALL {
            let of_severity = || groups.iter().filter(|it| it.severity == severity);
            let number = overview.of_severity(severity);
            if number == 0 {
                continue;
            }
            let id = format!("severity-{severity}");
            page.within("h3", &[("id", &id)], |page| {
                badge(page, severity);
                page.text(&format!(" {}", count(number, "finding", "findings")));
            });
            for group in of_severity() {
                write_group(page, group, rules, &mut left);
            }
        }
    });
}

fn write_group(page: &mut Markup, group: &Group<'_>, rules: &[RuleDoc], left: &mut usize) {
    let doc = rules.iter().find(|doc| doc.code == group.rule);
    let id = format!("{}-{}", group.severity, group.rule);
    let class = format!("rule {}", group.severity);
    let open = [("id", id.as_str()), ("class", &class), ("open", "")];
    let attributes = if group.severity >= Severity::High { &open[..] } else { &open[..2] };
    page.within("details", attributes, |page| {
        page.within("summary", &[], |page| {
            page.leaf("span", &[("class", "title")], doc.map_or(group.rule, |doc| doc.title));
            page.leaf("code", &[], group.rule);
            page.leaf("span", &[("class", "count")], &group.findings.len().to_string());
        });
        if let Some(doc) = doc {
            write_doc(page, doc);
        }
        write_rows(page, group, left);
    });
}

fn write_doc(page: &mut Markup, doc: &RuleDoc) {
    page.within("details", &[("class", "doc")], |page| {
        page.raw("<summary>How it works, and when it errs</summary>");
        for (name, text) in [
            ("How it works.", doc.how),
            ("False positives.", doc.false_positives),
            ("False negatives.", doc.false_negatives),
        ] {
            page.within("p", &[], |page| {
                page.leaf("b", &[], name);
                page.raw(" ");
                write_sentence(page, text);
            });
        }
        let references: Vec<String> = doc.references.iter().map(ToString::to_string).collect();
        page.leaf("p", &[("class", "note")], &references.join(" · "));
    });
}

fn write_rows(page: &mut Markup, group: &Group<'_>, left: &mut usize) {
    let shown = group.findings.len().min(MOST_OF_RULE).min(*left);
    *left -= shown;
    let first = group.findings.first().map_or("", |finding| finding.remedy.as_str());
    let one_remedy = group.findings.iter().all(|finding| finding.remedy == first);
    page.within("ul", &[("class", "cases searchable")], |page| {
        for finding in group.findings.iter().take(shown) {
            let remedy = if one_remedy { "" } else { finding.remedy.as_str() };
            page.within("li", &[], |page| write_case(page, finding, remedy));
        }
    });
    if group.findings.len() > shown {
        let rest = count(group.findings.len() - shown, "finding", "findings");
        page.leaf("p", &[("class", "note")], &format!("{rest} more; findings.sarif has all."));
    }
    if one_remedy {
        write_remedy(page, first);
    }
}

fn write_case(page: &mut Markup, finding: &Finding, remedy: &str) {
    page.within("p", &[("class", "case")], |page| {
        page.leaf("span", &[("class", "subject")], &finding.subject);
        if finding.starts_at_boot {
            page.raw(" <span class=\"tag\">at boot</span>");
        }
    });
    page.within("p", &[], |page| write_sentence(page, &finding.message));
    write_evidence(page, &finding.evidence, 4);
    write_remedy(page, remedy);
}

fn write_remedy(page: &mut Markup, remedy: &str) {
    if remedy.is_empty() {
        return;
    }
    page.within("p", &[("class", "remedy")], |page| {
        page.raw("<b>Remedy</b> ");
        write_sentence(page, remedy);
    });
}
