// SPDX-License-Identifier: Apache-2.0
//! From text to a checked policy, or to everything that is wrong with it at once.

mod domain;
mod list;
mod node;
mod rule;

use std::collections::BTreeMap;
use std::ops::Range;

use kakoi_model::Digest;

use crate::built_in;
use crate::place::{Diagnostic, Severity};
use crate::policy::{Domain, EVERYONE, Override, Policy};
use crate::words::{Control, Program, Protect};
use node::{Entry, Node, Pen, Value};

/// Longest text, in bytes.
const LONGEST_TEXT: usize = 1 << 20;
/// Domains beside [`EVERYONE`].
const MOST_DOMAINS: usize = crate::compile::layout::DOMAINS - 1;

/// What reading a text gave.
#[derive(Debug)]
pub struct Reading {
    /// The policy, if there is no error.
    pub policy: Option<Policy>,
    /// Errors and warnings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Reading {
    /// All diagnostics for a terminal.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        self.diagnostics.iter().map(|diagnostic| diagnostic.render(file, text)).collect()
    }
}

/// Reads a policy.
#[must_use]
pub fn read(text: &str) -> Reading {
    let (mut pen, root) = if text.len() > LONGEST_TEXT {
        let (mut pen, root) = Pen::parse("");
        pen.error(&(0..0), format!("a policy has at most {LONGEST_TEXT} bytes"), None);
        (pen, root)
    } else {
        Pen::parse(text)
    };
    // After an error of syntax the rest is guesswork, but misspelt keys are still worth saying.
    let broken = !pen.diagnostics.is_empty();
    let mut policy = read_policy(&mut pen, &root, broken);
    policy.digest = Digest::of(text.as_bytes());
    number_rules(&mut policy);
    let mut diagnostics = pen.diagnostics;
    diagnostics.sort_by_key(|diagnostic| (diagnostic.place, diagnostic.span.end));
    diagnostics.dedup();
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Reading { policy: (!failed).then_some(policy), diagnostics }
}

/// What domains may say about each other.
pub(in crate::read) struct Names {
    index: BTreeMap<String, usize>,
    sticky: Vec<bool>,
}

fn read_policy(pen: &mut Pen<'_>, root: &Node, broken: bool) -> Policy {
    let top = pen.table(root, "policy");
    let mut policy = Policy {
        name: String::new(),
        audit: false,
        programs: built_in::programs(),
        protect: built_in::protected(),
        processes: built_in::processes(),
        maintenance: None,
        domains: Vec::new(),
        digest: Digest::from_bytes([0; 32]),
    };
    if !version_is_known(pen, &top, broken) {
        return policy;
    }
    let (names, nodes) = name_domains(pen, &top);
    for entry in &top {
        match entry.key.as_str() {
            "name" => policy.name = pen.text(&entry.node).unwrap_or_default(),
            "mode" => policy.audit = pen.word(&entry.node, &["enforce", "audit"]) == Some("audit"),
            "programs" => read_programs(pen, &entry.node, &mut policy),
            "protect" => read_protect(pen, &entry.node, &mut policy),
            "override" => policy.maintenance = read_override(pen, entry, &names),
            _ => {}
        }
    }
    policy.domains = nodes.iter().map(|entry| domain::read_domain(pen, entry, &names)).collect();
    if let Some(entry) = top.iter().find(|entry| entry.key == "provenance") {
        // Whoever may run what he brought along may do so in spite of the rules for everyone.
        let index = policy.domains.len();
        policy.maintenance.iter_mut().for_each(|granted| {
            granted.domains.insert(index);
        });
        policy.domains.push(read_provenance(pen, entry));
    }
    if policy.domains.is_empty() && !broken {
        pen.error(
            &(0..0),
            "the policy has no domain".to_owned(),
            Some("[domain.remote-session]".to_owned()),
        );
    }
    policy
}

fn version_is_known(pen: &mut Pen<'_>, top: &[&Entry], broken: bool) -> bool {
    let Some(entry) = top.iter().find(|entry| entry.key == "kakoi") else {
        if !broken {
            pen.error(
                &(0..0),
                "`kakoi = 1` is missing: the version of the language".to_owned(),
                None,
            );
        }
        return broken;
    };
    let known = matches!(entry.node.value, Value::Number(1));
    if !known {
        let help = "this kakoi reads version 1; a newer policy needs a newer kakoi";
        pen.error(
            &entry.node.span,
            "unknown version of the language".to_owned(),
            Some(help.to_owned()),
        );
    }
    known
}

/// Sessions first: they are the ones that most decisions are about.
fn name_domains<'n>(pen: &mut Pen<'_>, top: &[&'n Entry]) -> (Names, Vec<&'n Entry>) {
    let mut found: Vec<(&Entry, bool)> = Vec::new();
    if let Some(entry) = top.iter().find(|entry| entry.key == "domain") {
        match &entry.node.value {
            Value::Table(entries) => {
                found.extend(entries.iter().map(|entry| (entry, is_session(&entry.node))))
            }
            _ => pen.error(&entry.node.span, "expected tables `[domain.NAME]`".to_owned(), None),
        }
    }
    if let Some((entry, _)) = found.get(MOST_DOMAINS) {
        pen.error(&entry.span, format!("a policy has at most {MOST_DOMAINS} domains"), None);
        found.truncate(MOST_DOMAINS);
    }
    found.sort_by_key(|(entry, session)| (!session, entry.span.start));
    for (entry, _) in &found {
        check_name(pen, &entry.key, &entry.span);
    }
    let index =
        found.iter().enumerate().map(|(index, (entry, _))| (entry.key.clone(), index)).collect();
    let sticky = found.iter().map(|(_, session)| *session).collect();
    (Names { index, sticky }, found.into_iter().map(|(entry, _)| entry).collect())
}

fn is_session(node: &Node) -> bool {
    let Value::Table(entries) = &node.value else { return false };
    let enter = entries.iter().find(|entry| entry.key == "enter").map(|entry| &entry.node.value);
    let Some(Value::Table(enter)) = enter else { return false };
    enter.iter().any(|entry| matches!(entry.key.as_str(), "descends-from" | "remote-login"))
}

fn check_name(pen: &mut Pen<'_>, name: &str, span: &Range<usize>) {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.is_empty() || name.len() > 31 || !plain {
        pen.error(
            span,
            format!(
                "`{}` is no name of a domain: 1 to 31 letters, digits and dashes",
                name.escape_default()
            ),
            None,
        );
    } else if name == EVERYONE {
        pen.error(
            span,
            "`everyone` is the domain of all processes".to_owned(),
            Some("its rules stand in [provenance]".to_owned()),
        );
    }
}

fn read_programs(pen: &mut Pen<'_>, node: &Node, policy: &mut Policy) {
    for entry in pen.table(node, "programs") {
        let patterns = list::read_patterns(pen, &entry.node);
        if let Some(kind) = Program::of(&entry.key) {
            policy.programs.entry(kind).or_default().extend(patterns);
        }
    }
}

fn read_protect(pen: &mut Pen<'_>, node: &Node, policy: &mut Policy) {
    for entry in pen.table(node, "protect") {
        let patterns = list::read_patterns(pen, &entry.node);
        match entry.key.as_str() {
            "files" => policy.protect.entry(Protect::Policy).or_default().extend(patterns),
            "start-up" => policy.protect.entry(Protect::StartUp).or_default().extend(patterns),
            "devices" => policy.protect.entry(Protect::Device).or_default().extend(patterns),
            _ => policy.processes.extend(patterns),
        }
    }
}

fn read_provenance(pen: &mut Pen<'_>, entry: &Entry) -> Domain {
    let mut domain = Domain {
        name: EVERYONE.to_owned(),
        description: "every process, held or not".to_owned(),
        place: pen.place(&entry.span),
        everyone: true,
        ..Domain::default()
    };
    for entry in pen.table(&entry.node, "provenance") {
        if let Some(control) = Control::of(&entry.key) {
            rule::read_rule(pen, control, entry, &mut domain);
        }
    }
    domain
}

fn read_override(pen: &mut Pen<'_>, entry: &Entry, names: &Names) -> Option<Override> {
    let mut granted = Override {
        lifts: Control::ALL.iter().copied().collect(),
        domains: names.sessions(),
        minutes: 30,
        authority: Vec::new(),
    };
    let mut lifted = false;
    for entry in pen.table(&entry.node, "override") {
        match entry.key.as_str() {
            "lifts" => {
                granted.lifts = read_lifts(pen, &entry.node);
                lifted = true;
            }
            "domains" => granted.domains = names.read(pen, &entry.node),
            "minutes" => granted.minutes = pen.number(&entry.node, 1440)?,
            _ => granted.authority = read_authority(pen, &entry.node),
        }
    }
    if !lifted {
        pen.error(
            &entry.span,
            "an override must say what it lifts".to_owned(),
            Some("lifts = [\"shell-start\", \"script-exec\"]".to_owned()),
        );
    }
    if granted.authority.is_empty() {
        let help = "authority = [\"console\"]: an unheld root process; or [\"key:…\"]: whoever signs the agent's challenge";
        pen.error(
            &entry.span,
            "an override must say who may grant it".to_owned(),
            Some(help.to_owned()),
        );
    }
    granted.lifts.remove(&Control::SelfProtect);
    Some(granted)
}

fn read_lifts(pen: &mut Pen<'_>, node: &Node) -> std::collections::BTreeSet<Control> {
    let words: Vec<&str> =
        Control::ALL.iter().map(|control| control.word()).chain(["all"]).collect();
    let mut lifts = std::collections::BTreeSet::new();
    for item in pen.items(node) {
        match pen.word(item, &words) {
            Some("all") => lifts.extend(Control::ALL.iter().copied()),
            Some("self-protect") => {
                let help =
                    "an intruder who may end the guard for half an hour has ended it for good";
                pen.error(
                    &item.span,
                    "self-protection cannot be lifted".to_owned(),
                    Some(help.to_owned()),
                );
            }
            Some(word) => lifts.extend(Control::of(word)),
            None => {}
        }
    }
    lifts
}

fn read_authority(pen: &mut Pen<'_>, node: &Node) -> Vec<String> {
    let mut found = Vec::new();
    for item in pen.items(node) {
        let Some(text) = pen.text(item) else { continue };
        let key = text.strip_prefix("key:");
        let is_key = key
            .is_some_and(|key| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if text != "console" && !is_key {
            let help = "`console`, or `key:` and 64 hexadecimal digits";
            pen.error(
                &item.span,
                format!("`{}` is no authority", text.escape_default()),
                Some(help.to_owned()),
            );
        }
        found.push(text);
    }
    if found.iter().filter(|text| text.starts_with("key:")).count() > crate::layout::KEYS {
        pen.error(&node.span, "there is room for 16 keys".to_owned(), None);
    }
    found
}

impl Names {
    fn sessions(&self) -> std::collections::BTreeSet<usize> {
        self.sticky
            .iter()
            .enumerate()
            .filter(|(_, sticky)| **sticky)
            .map(|(index, _)| index)
            .collect()
    }

    fn is_sticky(&self, index: usize) -> bool {
        self.sticky.get(index).copied().unwrap_or(false)
    }

    /// Names of domains, as indices.
    fn read(&self, pen: &mut Pen<'_>, node: &Node) -> std::collections::BTreeSet<usize> {
        let known: Vec<&str> = self.index.keys().map(String::as_str).collect();
        let mut found = std::collections::BTreeSet::new();
        for item in pen.items(node) {
            let Some(text) = pen.text(item) else { continue };
            match self.index.get(&text) {
                Some(index) => {
                    found.insert(*index);
                }
                None => pen.strange_word(item, &text, &known),
            }
        }
        found
    }
}

/// In the order of the text, so that the earlier of two equals wins.
fn number_rules(policy: &mut Policy) {
    let mut rules: Vec<_> =
        policy.domains.iter_mut().flat_map(|domain| domain.rules.values_mut()).collect();
    rules.sort_by_key(|rule| rule.place);
    for (rule, id) in rules.into_iter().zip(0..) {
        rule.id = id;
    }
}
