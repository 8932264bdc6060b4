// SPDX-License-Identifier: Apache-2.0
//! The head of the page and what a person with five minutes reads.

use kakoi_model::Severity;

use super::markup::Markup;
use super::page::{badge, section, terms, write_sentence};
use super::plot::{Stretch, bar};
use crate::overview::{Group, Overview, group};
use crate::text::{count, moment, size};

/// Rules that the summary names.
const MOST_RULES: usize = 8;

pub(super) fn write_header(page: &mut Markup, overview: &Overview<'_>) {
    page.raw("<p class=\"brand\"><b>kakoi</b> firmware report</p>");
    let Some(image) = overview.facts.image() else {
        page.raw("<h1>No image</h1>");
        return;
    };
    page.leaf("h1", &[], &image.name);
    page.within("p", &[("class", "meta")], |page| {
        page.leaf("span", &[], &size(image.size));
        page.within("span", &[], |page| {
            page.raw("SHA-256 ");
            page.leaf("code", &[], &image.digest.to_string());
        });
        if let Some(at) = image.scanned_at {
            page.leaf("span", &[], &format!("scanned {}", moment(at)));
        }
        page.leaf("span", &[], &image.tool);
    });
    if !image.confined {
        page.raw("<p class=\"warning\">The parsers were not confined during this scan (<code>--no-sandbox</code>).</p>");
    }
}

pub(super) fn write_navigation(page: &mut Markup, overview: &Overview<'_>) {
    let facts = overview.facts;
    let entries: [(&str, &str, Option<usize>); 11] = [
        ("#summary", "Summary", None),
        ("#image", "What it is", None),
        ("#start-up", "How it starts", Some(facts.start_ups().count())),
        ("#findings", "Findings", Some(overview.findings.len())),
        ("#hardening", "Hardening", Some(overview.elves.len())),
        ("#kernel", "Kernel", Some(facts.kernels().count())),
        ("#components", "Components", Some(facts.components().count())),
        ("#surface", "Accounts, keys, listeners", None),
        ("#defence", "Which defence fits", None),
        ("#files", "Files", Some(overview.files)),
        ("#problems", "Problems", Some(facts.problems().count())),
    ];
    page.within("nav", &[("aria-label", "Sections")], |page| {
        page.raw("<div id=\"search\"></div>");
        page.within("ol", &[], |page| {
            for (target, name, number) in entries {
                page.within("li", &[], |page| {
                    page.within("a", &[("href", target)], |page| {
                        page.leaf("span", &[], name);
                        if let Some(number) = number {
                            page.leaf("span", &[("class", "count")], &number.to_string());
                        }
                    });
                });
            }
        });
    });
}

pub(super) fn write(page: &mut Markup, overview: &Overview<'_>) {
    section(page, "summary", "Summary", |page| {
        page.leaf("p", &[("class", "lead")], &sentence(overview));
        write_tiles(page, overview);
        page.within("div", &[("class", "columns")], |page| {
            page.within("div", &[], |page| {
                page.raw("<h3>Worst first</h3>");
                write_worst(page, overview);
            });
            page.within("div", &[], |page| {
                page.raw("<h3>At a glance</h3>");
                terms(page, &glance(overview));
            });
        });
        page.raw(
            "<p class=\"note\">Findings are judgements of rules on facts that were read from the bytes of the \
             image. What the bytes do not tell is shown as <i>undetermined</i> and is never counted as bad or \
             good. Nothing of the image was run.</p>",
        );
    });
}

fn sentence(overview: &Overview<'_>) -> String {
    let worst = [Severity::Critical, Severity::High];
    let parts: Vec<String> = worst
        .into_iter()
        .map(|severity| (overview.of_severity(severity), severity))
        .filter(|(number, _)| *number > 0)
        .map(|(number, severity)| format!("{number} {severity}"))
        .collect();
    let total = overview.findings.len();
    let findings = match (parts.is_empty(), total) {
        (_, 0) => "No rule found anything".to_owned(),
        (true, _) => {
            format!("{}, none of them high or critical", count(total, "finding", "findings"))
        }
        (false, _) => {
            format!("{} among {}", parts.join(" and "), count(total, "finding", "findings"))
        }
    };
    let listening = overview.listening();
    let listening = match listening.len() {
        0 => String::new(),
        number => format!(", {} listening: {}", number, listening.join(", ")),
    };
    let boot = count(overview.boot_names().len(), "program starts", "programs start");
    format!("{findings}. {boot} at boot{listening}.")
}

fn write_tiles(page: &mut Markup, overview: &Overview<'_>) {
    let numbers = Severity::ALL.map(|severity| (severity, overview.of_severity(severity)));
    page.within("ul", &[("class", "tiles")], |page| {
        for (severity, number) in numbers {
            let class = format!("tile {severity}{}", if number == 0 { " zero" } else { "" });
            page.within("li", &[("class", &class)], |page| {
                let target =
                    if number == 0 { "#findings".into() } else { format!("#severity-{severity}") };
                page.within("a", &[("href", &target)], |page| {
                    page.leaf("b", &[], &number.to_string());
                    page.leaf("span", &[], severity.as_str());
                });
            });
        }
    });
    let stretches = numbers.map(|(severity, number)| Stretch {
        amount: number as u64,
        class: fill(severity),
        title: format!("{number} {severity}"),
    });
    bar(page, "strip", "Findings by severity", &stretches);
}

fn fill(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "f-critical",
        Severity::High => "f-high",
        Severity::Medium => "f-medium",
        Severity::Low => "f-low",
        Severity::Info => "f-info",
    }
}

fn write_worst(page: &mut Markup, overview: &Overview<'_>) {
    let groups = group(overview.findings);
    page.within("ol", &[("class", "worst")], |page| {
        for group in groups.iter().take(MOST_RULES) {
            page.within("li", &[], |page| write_entry(page, group));
        }
    });
    if groups.is_empty() {
        page.raw("<p class=\"empty\">No findings.</p>");
    }
}

fn write_entry(page: &mut Markup, group: &Group<'_>) {
    badge(page, group.severity);
    page.within("div", &[], |page| {
        let target = format!("#{}-{}", group.severity, group.rule);
        let Some(first) = group.findings.first() else { return };
        page.within("a", &[("href", &target)], |page| {
            write_sentence(page, &first.message);
        });
        let rest = group.findings.len() - 1;
        let more = if rest > 0 {
            format!("{} and {rest} more", first.subject)
        } else {
            first.subject.clone()
        };
        page.leaf("span", &[("class", "place")], &more);
    });
}

fn glance(overview: &Overview<'_>) -> Vec<(&'static str, String)> {
    let identity = overview.identity();
    let told = |value: Option<String>| value.unwrap_or_else(|| "not told by the image".into());
    let roots =
        if identity.roots.is_empty() { "none found".into() } else { identity.roots.join(", ") };
    vec![
        ("Chip or kit", told(identity.vendor)),
        ("Kernel", told(identity.kernel)),
        ("Machine", told(identity.machine)),
        ("C library", told(identity.libc)),
        ("Root file systems", roots),
        ("Starts at boot", overview.boot_summary()),
        ("Listening", overview.listening().join(", ")),
        ("Could not be read", count(overview.facts.problems().count(), "place", "places")),
    ]
}

pub(super) fn write_footer(page: &mut Markup, overview: &Overview<'_>) {
    page.within("footer", &[], |page| {
        let tool = overview.facts.image().map_or("kakoi", |image| image.tool.as_str());
        page.leaf(
            "p",
            &[],
            &format!("Written by {tool}. The facts behind this page are in facts.jsonl."),
        );
    });
}
