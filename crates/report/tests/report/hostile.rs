// SPDX-License-Identifier: Apache-2.0
//! Names that try to become markup, script or terminal commands.

use kakoi_model::{Evidence, Fact, Facts, Finding, ImagePath};
use kakoi_report::{Colour, TerminalOptions, render_html, render_sarif, render_terminal};

use crate::input;

const HOSTILE: &str = "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}\u{1b}[2J\u{7}";

/// Every text of the router that can come from an image, with the hostile text in its place.
fn facts() -> Facts {
    let mut facts = input::facts();
    for fact in &mut facts.lines {
        spoil(fact);
    }
    facts
}

fn spoil(fact: &mut Fact) {
    let text = || HOSTILE.to_owned();
    match fact {
        Fact::Image(image) => image.name = text(),
        Fact::Container(container) => {
            container.format = text();
            container.attributes.insert(text(), text());
        }
        Fact::File(file) => file.path = ImagePath::new(HOSTILE),
        Fact::Problem(problem) => problem.detail = text(),
        Fact::Kernel(kernel) => {
            kernel.facts.banner = text();
            kernel.facts.release = text();
            kernel.facts.command_line = Some(text());
        }
        Fact::StartUp(start) => {
            start.command = text();
            start.arguments = vec![text()];
            start.listens = vec![text()];
            start.user = text();
            start.chain.push(Evidence { excerpt: Some(text()), ..Evidence::new(text()) });
        }
        Fact::Component(component) => {
            component.name = text();
            component.purl = Some(text());
            component.license = Some(text());
        }
        Fact::Account(account) => account.name = text(),
        Fact::Listener(listener) => listener.service = text(),
        Fact::SdkMark(mark) => mark.vendor = text(),
        Fact::UpdateMark(mark) => mark.subject = text(),
        Fact::Backend(backend) => backend.backend = text(),
        _ => {}
    }
}

fn findings() -> Vec<Finding> {
    let mut findings = input::findings();
    for finding in &mut findings {
        finding.subject = HOSTILE.to_owned();
        finding.message = HOSTILE.to_owned();
        finding.remedy = format!("`{HOSTILE}`");
        finding
            .evidence
            .push(Evidence { excerpt: Some(HOSTILE.to_owned()), ..Evidence::new(HOSTILE) });
    }
    findings
}

#[test]
fn page_has_one_script_one_style_and_no_element_of_the_image() {
    let html = render_html(&facts(), &findings(), &input::rules());
    assert!(html.contains("&lt;script&gt;alert(1)"), "the names are shown");
    for (needle, times) in
        [("<script", 1), ("</script", 1), ("<style", 1), ("</style", 1), ("<img", 0)]
    {
        assert_eq!(html.matches(needle).count(), times, "{needle}");
    }
    let elements = html.split('<').skip(1).filter_map(|it| it.split(['>', ' ']).next());
    let own = [
        "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "a", "header", "p", "b",
        "h1", "h2", "h3", "h4", "span", "code", "div", "nav", "ol", "ul", "li", "main", "section",
        "i", "svg", "rect", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th",
        "td", "dl", "dt", "dd", "article", "footer", "script",
    ];
    for element in elements.filter(|it| !it.starts_with(['=', ' '])) {
        let name = element.trim_start_matches('/');
        assert!(
            own.contains(&name) || html_of_script(&html).contains(&format!("<{element}")),
            "{element}"
        );
    }
}

fn html_of_script(html: &str) -> &str {
    html.split_once("<script>").unwrap().1
}

#[test]
fn characters_that_hide_or_command_are_written_out() {
    let html = render_html(&facts(), &findings(), &input::rules());
    let options = TerminalOptions { width: 80, colour: Colour::Plain };
    let terminal = render_terminal(&facts(), &findings(), options);
    for text in [&html, &terminal] {
        assert!(!text.contains(['\u{202e}', '\u{1b}', '\u{7}']));
        assert!(text.contains("\\u{202e}"));
    }
}

#[test]
fn colours_are_the_only_escape_sequences_of_the_terminal() {
    let options = TerminalOptions { width: 80, colour: Colour::Ansi };
    let terminal = render_terminal(&facts(), &findings(), options);
    for sequence in terminal.split('\x1b').skip(1) {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && c != '[' && c != ';').unwrap();
        assert!(sequence[end..].starts_with('m'), "{sequence:?}");
    }
}

#[test]
fn policy_allows_exactly_the_script_and_style_of_the_page() {
    let html = render_html(&facts(), &findings(), &input::rules());
    let policy = html.split("Content-Security-Policy").nth(1).unwrap().split('>').next().unwrap();
    assert!(policy.contains("default-src &#39;none&#39;"));
    assert!(!policy.contains("unsafe-inline") && !policy.contains("http:"));
    assert!(!html.contains(" style=") && !html.contains("javascript:"));
    for scheme in ["src=\"", "href=\"http", "url(", "@import"] {
        assert!(!html.contains(scheme), "{scheme}: the page loads nothing");
    }
}

#[test]
fn sarif_places_stay_relative_uris() {
    let text = render_sarif(&facts(), &findings(), &input::rules()).unwrap();
    assert!(!text.contains("<script>\\u001b\"uri\""));
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(log["runs"][0]["results"][0]["message"]["text"].as_str().unwrap().contains("<script>"));
}
