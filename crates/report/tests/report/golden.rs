// SPDX-License-Identifier: Apache-2.0
//! Renderings compared with files. `KAKOI_BLESS=1` writes them.

use std::path::PathBuf;

use kakoi_report::{
    Colour, TerminalOptions, render_html, render_json, render_rule, render_rules, render_sarif,
    render_terminal,
};

use crate::input;

fn check_golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("KAKOI_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(actual.lines()).position(|(a, b)| a != b);
    let line = differs.map(|line| line + 1);
    assert!(
        expected == actual,
        "{name} differs (first at line {line:?}); KAKOI_BLESS=1 writes it anew"
    );
}

/// One element on each line, without style and script, so that a difference can be read.
fn readable(html: &str) -> String {
    let (head, rest) = html.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (body, _) = rest.split_once("<script>").unwrap();
    let page = [head, body].concat();
    let mut lines = String::new();
    for part in page.split('\n') {
        lines.push_str(&part.replace("><", ">\n<"));
        lines.push('\n');
    }
    let policy = lines.find("content=\"default-src").unwrap();
    let end = lines[policy..].find('>').unwrap() + policy;
    lines.replace_range(policy..end, "content=…");
    lines
}

#[test]
fn page_of_the_router_is_that_of_the_file() {
    let html = render_html(&input::facts(), &input::findings(), &input::rules());
    check_golden("router.html", &readable(&html));
}

#[test]
fn terminal_summaries_of_the_router_are_those_of_the_files() {
    let render = |width, colour| {
        render_terminal(&input::facts(), &input::findings(), TerminalOptions { width, colour })
    };
    let plain = render(100, Colour::Plain);
    assert!(plain.lines().all(|line| line.chars().count() <= 100), "{plain}");
    assert!(!plain.contains('\x1b'));
    check_golden("terminal.txt", &plain);
    check_golden("terminal-narrow-colour.txt", &render(48, Colour::Ansi));
}

#[test]
fn rule_texts_are_those_of_the_files() {
    let rules = input::rules();
    check_golden("rules.txt", &render_rules(&rules));
    let telnet = rules.iter().find(|doc| doc.code == "telnet-at-boot").unwrap();
    check_golden("rule.txt", &render_rule(telnet));
}

#[test]
fn equal_input_gives_equal_bytes() {
    let both = || {
        let (facts, findings, rules) = (input::facts(), input::findings(), input::rules());
        let options = TerminalOptions { width: 90, colour: Colour::Ansi };
        [
            render_html(&facts, &findings, &rules),
            render_sarif(&facts, &findings, &rules).unwrap(),
            render_json(&facts, &findings).unwrap(),
            render_terminal(&facts, &findings, options),
        ]
    };
    assert_eq!(both(), both());
}
