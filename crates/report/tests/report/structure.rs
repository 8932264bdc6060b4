// SPDX-License-Identifier: Apache-2.0
//! What a reader, a screen reader and a program rely on.

use std::collections::BTreeSet;

use kakoi_model::{Facts, Observed, Severity};
use kakoi_report::{Colour, TerminalOptions, render_html, render_json, render_terminal};
use serde_json::Value;

use crate::input;

fn page() -> String {
    render_html(&input::facts(), &input::findings(), &input::rules())
}

#[test]
fn identifiers_are_unique_and_links_lead_somewhere() {
    let page = page();
    let values = |key: &str| -> Vec<String> {
        page.split(key).skip(1).map(|it| it.split('"').next().unwrap().to_owned()).collect()
    };
    let all = values(" id=\"");
    let identifiers: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(all.len(), identifiers.len());
    for target in values(" href=\"#").iter().chain(&values(" aria-labelledby=\"")) {
        assert!(identifiers.contains(target), "#{target}");
    }
}

#[test]
fn tables_have_captions_and_column_headings() {
    let page = page();
    let tables: Vec<&str> = page.split("<table").skip(1).collect();
    assert!(tables.len() >= 10);
    for table in tables {
        let table = table.split("</table>").next().unwrap();
        assert!(table.contains("<caption>") && table.contains("scope=\"col\""), "{table:.200}");
    }
}

#[test]
fn elements_are_closed_in_order() {
    let page = page();
    let body = page.split_once("<body>").unwrap().1.split_once("<script>").unwrap().0;
    let mut open = Vec::new();
    for tag in body.split('<').skip(1).map(|it| it.split('>').next().unwrap()) {
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name.to_owned()), "before </{name}>"),
            None => open.push(name.to_owned()),
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn undetermined_is_a_category_of_its_own_in_every_plot() {
    let page = page();
    let rows: Vec<&str> = page.split("class=\"h-undetermined\"").collect();
    assert!(rows.len() > 3);
    assert!(page.contains("1 of 5: undetermined"), "flash_tool cannot be told");
    assert!(page.contains("4 of 5: toolchain, architecture or kernel cannot"));
}

#[test]
fn empty_facts_make_a_page_and_a_summary_without_claims() {
    let page = render_html(&Facts::default(), &[], &[]);
    assert!(page.contains("No kernel was found.") && page.contains("No rule found anything"));
    let options = TerminalOptions { width: 0, colour: Colour::Plain };
    assert!(render_terminal(&Facts::default(), &[], options).contains("0 findings"));
}

#[test]
fn json_document_has_the_parts_that_its_documentation_names() {
    let document: Value =
        serde_json::from_str(&render_json(&input::facts(), &input::findings()).unwrap()).unwrap();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["image"]["name"], "HomeRouter-R300_v1.0.7.bin");
    let critical = input::findings().iter().filter(|it| it.severity == Severity::Critical).count();
    assert_eq!(document["summary"]["findings"]["critical"], critical);
    assert_eq!(document["summary"]["listening"][0], "http (tcp:80)");
    assert_eq!(document["facts"].as_array().unwrap().len(), input::facts().lines.len());
    assert_eq!(document["findings"].as_array().unwrap().len(), input::findings().len());
    assert_eq!(document["summary"]["vendor"], "atheros LSDK 9.2.0");
}

#[test]
fn listener_that_is_not_known_to_start_is_not_called_listening() {
    let mut facts = input::facts();
    for fact in &mut facts.lines {
        if let kakoi_model::Fact::Listener(listener) = fact {
            listener.starts_at_boot = Observed::undetermined("no-start-seen", "");
        }
    }
    let document: Value = serde_json::from_str(&render_json(&facts, &[]).unwrap()).unwrap();
    assert_eq!(document["summary"]["listening"].as_array().unwrap().len(), 0);
}
