// SPDX-License-Identifier: Apache-2.0
//! The catalogue of rules, and its page docs/RULES.md.

use std::fmt::Write as _;
use std::sync::LazyLock;

use kakoi_model::{RuleDoc, Theme};

use crate::RULES;

static CATALOGUE: LazyLock<Vec<RuleDoc>> = LazyLock::new(|| {
    let mut docs: Vec<RuleDoc> = RULES.iter().map(|rule| rule.doc).collect();
    docs.sort_by_key(|doc| (doc.theme, doc.code));
    docs
});

/// What every rule says of itself, by theme and code.
pub fn catalogue() -> &'static [RuleDoc] {
    &CATALOGUE
}

/// The text of docs/RULES.md.
pub fn render_catalogue() -> String {
    let mut page = String::from(
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n\
         <!-- Generated from crates/assess/src/rules; `KAKOI_BLESS=1 cargo test -p kakoi-assess` writes it. -->\n\
         # Rules\n\n\
         A rule turns facts into findings. Each answers *found*, *clear* or *cannot tell*; what cannot \
         be told is counted and never becomes a finding. References name the clause that a rule bears \
         on; no finding, and no lack of one, says that an image complies with it.\n",
    );
    for theme in Theme::ALL {
        push_theme(&mut page, theme);
    }
    page
}

fn push_theme(page: &mut String, theme: Theme) {
    let docs = || catalogue().iter().filter(|doc| doc.theme == theme);
    let _ = write!(page, "\n## {}\n\n| Rule | What | Severity |\n|---|---|---|\n", theme.title());
    for doc in docs() {
        let range = severity_range(doc);
        let _ = writeln!(page, "| [`{}`](#{}) | {} | {range} |", doc.code, doc.code, doc.title);
    }
    for doc in docs() {
        push_rule(page, doc);
    }
}

fn push_rule(page: &mut String, doc: &RuleDoc) {
    let references: Vec<String> = doc.references.iter().map(ToString::to_string).collect();
    let _ = write!(
        page,
        "\n### {}\n\n{}. Severity: {}.\n\n**How it works.** {}\n\n**False positives.** {}\n\n\
         **False negatives.** {}\n\n**Remedy.** {}\n\n**References.** {}\n",
        doc.code,
        doc.title,
        severity_range(doc),
        doc.how,
        doc.false_positives,
        doc.false_negatives,
        doc.remedy,
        references.join("; "),
    );
}

fn severity_range(doc: &RuleDoc) -> String {
    if doc.mildest == doc.worst {
        return doc.worst.to_string();
    }
    format!("{} to {}", doc.mildest, doc.worst)
}
