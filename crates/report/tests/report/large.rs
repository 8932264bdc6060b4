// SPDX-License-Identifier: Apache-2.0
//! Images with thousands of files and findings.

use kakoi_model::{Fact, FileRef, Finding};
use kakoi_report::render_html;

use crate::input;

#[test]
fn page_of_an_image_with_thousands_of_files_stays_below_three_megabytes() {
    let mut facts = input::facts();
    let pattern = facts.files().nth(2).unwrap().clone();
    for number in 0..20_000 {
        let mut file = pattern.clone();
        file.path =
            format!("/usr/share/some/longer/directory/name/file-{number:05}.dat").as_str().into();
        facts.lines.push(Fact::File(file));
    }
    let mut findings = input::findings();
    let pattern: Vec<Finding> = findings.clone();
    for number in 0..20_000_usize {
        let mut finding = pattern[number % pattern.len()].clone();
        finding.subject = format!("/usr/lib/some/longer/directory/lib{number}.so");
        finding.file = Some(FileRef {
            container: kakoi_model::ContainerId(1),
            path: finding.subject.as_str().into(),
        });
        findings.push(finding);
    }
    let html = render_html(&facts, &findings, &input::rules());
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    assert!(html.contains("left out here; facts.jsonl has all"));
    assert!(html.contains("more; findings.sarif has all"));
}
