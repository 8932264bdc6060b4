// SPDX-License-Identifier: Apache-2.0
//! One rule.

use std::collections::BTreeSet;

use super::list;
use super::node::{Entry, Node, Pen, Value};
use crate::policy::{Domain, Rule};
use crate::words::{Action, Control, ERRORS, Protect, Trust};

/// What a rule says that nothing was said about.
pub(super) fn default_rule(control: Control, action: Action, place: crate::place::Place) -> Rule {
    let trust = match control {
        Control::ExecOutside => BTreeSet::from([Trust::Rootfs, Trust::Verity, Trust::Digests]),
        _ => BTreeSet::new(),
    };
    let error = match control {
        Control::GrantExec | Control::WriteExec | Control::SelfProtect | Control::Capabilities => 1,
        _ => 13,
    };
    Rule {
        action,
        audit: false,
        error,
        id: 0,
        place,
        except: None,
        only: None,
        trust,
        trusted: None,
        directories: false,
    }
}

/// `CONTROL = "deny"` or `CONTROL = { action = "deny", … }`, into the domain.
pub(super) fn read_rule(pen: &mut Pen<'_>, control: Control, entry: &Entry, domain: &mut Domain) {
    let place = pen.place(&entry.span);
    let mut rule = default_rule(control, Action::Deny, place);
    match &entry.node.value {
        Value::Text(_) => read_action(pen, control, &entry.node, &mut rule),
        Value::Table(_) => read_table(pen, control, entry, domain, &mut rule),
        _ => pen.error(
            &entry.node.span,
            format!("expected an action or a table, found a {}", entry.node.what()),
            None,
        ),
    }
    domain.rules.insert(control, rule);
}

fn read_action(pen: &mut Pen<'_>, control: Control, node: &Node, rule: &mut Rule) {
    let words: Vec<&'static str> = Action::ALL.iter().map(|action| action.word()).collect();
    let Some(action) = pen.word(node, &words).and_then(Action::of) else { return };
    if action == Action::Rewrite && control != Control::GrantExec {
        pen.error(
            &node.span,
            format!("`rewrite` has no meaning for {control}"),
            Some("grant-exec can be rewritten; deny this".to_owned()),
        );
    }
    rule.action = action;
}

fn read_table(
    pen: &mut Pen<'_>,
    control: Control,
    entry: &Entry,
    domain: &mut Domain,
    rule: &mut Rule,
) {
    let fields = pen.table(&entry.node, "rule");
    if !fields.iter().any(|field| field.key == "action") {
        pen.error(
            &entry.span,
            format!("{control} says no action"),
            Some("action = \"deny\"".to_owned()),
        );
    }
    for field in fields {
        if !fits(control, &field.key) {
            pen.error(&field.span, format!("`{}` has no meaning for {control}", field.key), None);
            continue;
        }
        match field.key.as_str() {
            "action" => read_action(pen, control, &field.node, rule),
            "mode" => rule.audit = read_mode(pen, &field.node),
            "errno" => read_errno(pen, &field.node, rule),
            "allow" => rule.except = Some(list::read_patterns(pen, &field.node)),
            "trusted" => read_trusted(pen, &field.node, rule),
            "directories" => rule.directories = pen.flag(&field.node).unwrap_or(false),
            _ => list::read_words(pen, &field.node, Protect::ALL, Protect::word).iter().for_each(
                |kind| {
                    domain.protect.remove(kind);
                },
            ),
        }
    }
}

fn fits(control: Control, key: &str) -> bool {
    match key {
        "trusted" => matches!(
            control,
            Control::ExecOutside | Control::ScriptExec | Control::InterpretDropped
        ),
        "directories" => control == Control::GrantExec,
        "except" => control == Control::SelfProtect,
        "allow" => !matches!(control, Control::SelfProtect | Control::ExecMemory),
        _ => true,
    }
}

pub(super) fn read_mode(pen: &mut Pen<'_>, node: &Node) -> bool {
    pen.word(node, &["enforce", "audit"]) == Some("audit")
}

pub(super) fn read_errno(pen: &mut Pen<'_>, node: &Node, rule: &mut Rule) {
    let words: Vec<&'static str> = ERRORS.iter().map(|(word, _)| *word).collect();
    let word = pen.word(node, &words);
    if let Some((_, number)) = ERRORS.iter().find(|(known, _)| Some(*known) == word) {
        rule.error = *number;
    }
}

fn read_trusted(pen: &mut Pen<'_>, node: &Node, rule: &mut Rule) {
    let words: Vec<&str> = Trust::ALL.iter().map(|trust| trust.word()).collect();
    rule.trust.clear();
    for item in pen.items(node) {
        match &item.value {
            Value::Text(text) if text.starts_with('/') => {
                rule.trusted.get_or_insert_default().extend(list::read_patterns(pen, item));
            }
            _ => rule.trust.extend(pen.word(item, &words).and_then(Trust::of)),
        }
    }
}
