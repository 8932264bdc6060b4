// SPDX-License-Identifier: Apache-2.0
//! The report as one HTML file that needs no network and, but for searching, no script.
//!
//! The content security policy names the hashes of the one style sheet and the one script, so that
//! markup that got in all the same would neither run nor load anything.

mod components;
mod defence;
mod files;
mod findings;
mod hardening;
mod image;
mod kernel;
mod markup;
mod page;
mod plot;
mod problems;
mod protection;
mod session;
mod start_up;
mod summary;
mod surface;
mod survey;

pub use protection::render_protection;

use kakoi_model::{Digest, Facts, Finding, RuleDoc};

use crate::overview::Overview;
use markup::Markup;

pub use session::{Session, render_session};
pub use survey::render_survey;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page. Of very large tables the first rows are shown, and how many were left out is said;
/// `facts.jsonl` has them all.
pub fn render_html(facts: &Facts, findings: &[Finding], rules: &[RuleDoc]) -> String {
    let overview = Overview::new(facts, findings);
    let title = facts.image().map_or("no image", |image| image.name.as_str());
    let mut page = Markup::new();
    page.raw("<!DOCTYPE html>\n");
    page.within("html", &[("lang", "en")], |page| {
        let title = format!("{title} · kakoi firmware report");
        page.within("head", &[], |page| write_head(page, &title, STYLE, SCRIPT));
        page.within("body", &[], |page| write_body(page, &overview, rules));
    });
    page.raw("\n");
    page.finish()
}

fn write_head(page: &mut Markup, title: &str, style: &'static str, script: &'static str) {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(Digest::of(style.as_bytes()).as_bytes()),
        base64(Digest::of(script.as_bytes()).as_bytes()),
    );
    page.raw("<meta charset=\"utf-8\">");
    page.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">");
    page.leaf("title", &[], title);
    page.within("style", &[], |page| page.raw(style));
}

fn write_body(page: &mut Markup, overview: &Overview<'_>, rules: &[RuleDoc]) {
    page.raw("<a class=\"skip\" href=\"#summary\">Skip to the summary</a>");
    page.within("header", &[("class", "top")], |page| summary::write_header(page, overview));
    page.within("div", &[("class", "frame")], |page| {
        summary::write_navigation(page, overview);
        page.within("main", &[], |page| {
            summary::write(page, overview);
            image::write(page, overview);
            start_up::write(page, overview);
            findings::write(page, overview, rules);
            hardening::write(page, overview);
            kernel::write(page, overview);
            components::write(page, overview);
            surface::write(page, overview);
            defence::write(page, overview);
            files::write(page, overview);
            problems::write(page, overview);
            summary::write_footer(page, overview);
        });
    });
    page.within("script", &[], |page| page.raw(SCRIPT));
}

/// RFC 4648 §4, for the 32 bytes of a digest.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let of = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = of(0) << 16 | of(1) << 8 | of(2);
        for position in 0..4 {
            let symbol = bits >> (18 - 6 * position) & 63;
            let known = position <= chunk.len();
            let symbol = ALPHABET.get(symbol as usize).filter(|_| known).unwrap_or(&b'=');
            text.push(char::from(*symbol));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
