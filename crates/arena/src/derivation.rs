// SPDX-License-Identifier: Apache-2.0
//! Derived policies side by side: how large each domain is, where its lines come from, and what it leaves to an intruder
//! who has become that service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::cell;

/// One derived domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Image.
    pub image: String,
    /// Program or applet that enters it.
    pub enter: String,
    /// Lines: static, observed, both.
    pub lines: [usize; 3],
    /// What is left to whoever has taken the service over.
    pub left: String,
    /// What the image does not tell.
    pub gaps: usize,
}

/// As `policy.json` of `kakoi protect` has it; other keys are passed over.
#[derive(Debug, Deserialize)]
pub struct Policy {
    image: String,
    services: Vec<Service>,
}

type Lines = BTreeMap<String, Line>;

#[derive(Debug, Deserialize)]
struct Line {
    known: String,
}

#[derive(Debug, Deserialize)]
struct Service {
    enter: String,
    read: Lines,
    write: Lines,
    exec: Lines,
    #[serde(default)]
    dropped: Lines,
    bind: Lines,
    connect: Lines,
    #[serde(default)]
    families: Lines,
    capabilities: Lines,
    gaps: Vec<String>,
}

impl Policy {
    /// Its domains.
    #[must_use]
    pub fn domains(&self) -> Vec<Domain> {
        self.services.iter().map(|service| service.domain(&self.image)).collect()
    }
}

impl Service {
    fn domain(&self, image: &str) -> Domain {
        let lists = [&self.read, &self.write, &self.exec, &self.dropped, &self.bind, &self.connect];
        let all = || lists.into_iter().chain([&self.families, &self.capabilities]);
        let known =
            |word: &str| all().flat_map(BTreeMap::values).filter(|line| line.known == word).count();
        Domain {
            image: image.to_owned(),
            enter: self.enter.clone(),
            lines: [known("static"), known("observed"), known("both")],
            left: self.left(),
            gaps: self.gaps.len(),
        }
    }

    fn left(&self) -> String {
        let some = |verb: &str, lines: &Lines| {
            let names: Vec<&str> = lines.keys().take(3).map(String::as_str).collect();
            let more = lines.len().saturating_sub(names.len());
            match (lines.is_empty(), more) {
                (true, _) => format!("{verb} nothing"),
                (_, 0) => format!("{verb} {}", names.join(", ")),
                (_, more) => format!("{verb} {} and {more} more", names.join(", ")),
            }
        };
        let parts = [
            some("change", &self.write),
            some("run", &self.exec),
            some("bind", &self.bind),
            some("connect to", &self.connect),
            some("use", &self.capabilities),
        ];
        parts.join("; ")
    }
}

/// The table, and its sums.
#[must_use]
pub fn table(domains: &[Domain]) -> String {
    let mut text = String::from(
        "| image | service | lines | static | observed | both | not told | an intruder in it can still |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for Domain { image, enter, lines, left, gaps } in domains {
        let [fixed, observed, both] = lines;
        text.push_str(&format!(
            "| {} | `{}` | {} | {fixed} | {observed} | {both} | {gaps} | {} |\n",
            cell(image),
            cell(enter).replace('`', "'"),
            lines.iter().sum::<usize>(),
            cell(left)
        ));
    }
    let sum = |at: usize| domains.iter().filter_map(|domain| domain.lines.get(at)).sum::<usize>();
    let (fixed, observed, both) = (sum(0), sum(1), sum(2));
    text.push_str(&format!(
        "\n{} domains, {} lines: {fixed} static, {observed} observed, {both} both.\n",
        domains.len(),
        fixed + observed + both
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_says_what_it_leaves_and_where_its_lines_come_from() {
        let policy: Policy = serde_json::from_str(
            r#"{"image": "r", "writable": false, "services": [{"name": "httpd", "enter": "busybox:httpd",
                "read": {"/www/**": {"known": "both", "evidence": "x"}, "/etc/x": {"known": "static", "evidence": "y"}},
                "write": {}, "exec": {}, "bind": {"tcp:80": {"known": "observed", "evidence": "z"}}, "connect": {},
                "capabilities": {}, "gaps": ["whom it connects to"]}]}"#,
        )
        .unwrap();
        let domains = policy.domains();
        assert_eq!(domains[0].lines, [1, 1, 1]);
        let text = table(&domains);
        assert!(text.contains("| r | `busybox:httpd` | 3 | 1 | 1 | 1 | 1 | change nothing; run nothing; bind tcp:80;"), "{text}");
        assert!(text.ends_with("1 domains, 3 lines: 1 static, 1 observed, 1 both.\n"), "{text}");
    }
}
