// SPDX-License-Identifier: Apache-2.0
//! One domain.

use super::node::{Entry, Node, Pen, Value};
use super::rule::{default_rule, read_errno, read_mode, read_rule};
use super::{Names, list};
use crate::policy::{Domain, Rule};
use crate::words::{Action, Control, Protect, Remote};

pub(super) fn read_domain(pen: &mut Pen<'_>, entry: &Entry, names: &Names) -> Domain {
    let index = names.index.get(&entry.key).copied().unwrap_or(usize::MAX);
    let sticky = names.is_sticky(index);
    let place = pen.place(&entry.span);
    let mut domain = Domain {
        name: entry.key.clone(),
        place,
        sticky,
        taints: sticky,
        protect: Protect::ALL.iter().copied().collect(),
        ..Domain::default()
    };
    let fields = pen.table(&entry.node, "domain");
    for field in &fields {
        read_field(pen, field, names, &mut domain);
    }
    if !fields.iter().any(|field| field.key == "enter") {
        let help = "enter.descends-from = [\"telnetd\"], or enter.exec = \"/usr/sbin/httpd\"";
        pen.error(
            &entry.span,
            format!("nobody enters the domain `{}`", entry.key),
            Some(help.to_owned()),
        );
    }
    if domain.rules.is_empty() && domain.syscalls.is_none() && !sticky {
        pen.warn(&entry.span, format!("the domain `{}` has no rule", entry.key), None);
    }
    if sticky {
        domain
            .rules
            .entry(Control::SelfProtect)
            .or_insert_with(|| default_rule(Control::SelfProtect, Action::Deny, place));
    }
    check_relations(pen, entry, index, names, &domain);
    domain
}

fn read_field(pen: &mut Pen<'_>, field: &Entry, names: &Names, domain: &mut Domain) {
    let node = &field.node;
    match field.key.as_str() {
        "description" => domain.description = pen.text(node).unwrap_or_default(),
        "enter" => read_enter(pen, node, names, domain),
        "taint" => domain.taints = pen.flag(node).unwrap_or(domain.taints),
        "files" => read_files(pen, field, domain),
        "exec" => read_exec(pen, field, domain),
        "network" => read_network(pen, field, domain),
        "capabilities" => read_capabilities(pen, field, domain),
        "syscalls" => read_syscalls(pen, field, domain),
        name => {
            if let Some(control) = Control::of(name) {
                read_rule(pen, control, field, domain);
            }
        }
    }
}

fn read_enter(pen: &mut Pen<'_>, node: &Node, names: &Names, domain: &mut Domain) {
    for field in pen.table(node, "enter") {
        let node = &field.node;
        match field.key.as_str() {
            "descends-from" => domain.daemons = Some(list::read_patterns(pen, node)),
            "remote-login" => {
                domain.remote =
                    list::read_words(pen, node, Remote::ALL, Remote::word).into_iter().collect();
            }
            "exec" => domain.enter = Some(list::read_patterns(pen, node)),
            "parent" => domain.parents = names.read(pen, node),
            _ => domain.replaces = names.read(pen, node),
        }
    }
}

fn check_relations(pen: &mut Pen<'_>, entry: &Entry, index: usize, names: &Names, domain: &Domain) {
    if domain.replaces.iter().any(|replaced| names.is_sticky(*replaced)) {
        let help = "who logged in stays held, whatever he runs";
        pen.error(
            &entry.span,
            format!("`{}` replaces a session", entry.key),
            Some(help.to_owned()),
        );
    }
    if domain.replaces.contains(&index)
        || (domain.parents.contains(&index) && domain.parents.len() == 1)
    {
        pen.error(
            &entry.span,
            format!("`{}` is named as its own parent or replacement", entry.key),
            None,
        );
    }
}

/// `action`, `mode` and `errno` of a group of rules that stand in one table.
fn read_shared(
    pen: &mut Pen<'_>,
    fields: &[&Entry],
    control: Control,
    place: crate::place::Place,
) -> Rule {
    let mut rule = default_rule(control, Action::Deny, place);
    for field in fields {
        match field.key.as_str() {
            "action" => {
                let words = ["allow", "audit", "deny", "kill"];
                rule.action =
                    pen.word(&field.node, &words).and_then(Action::of).unwrap_or(Action::Deny);
            }
            "mode" => rule.audit = read_mode(pen, &field.node),
            "errno" => read_errno(pen, &field.node, &mut rule),
            _ => {}
        }
    }
    rule
}

fn read_files(pen: &mut Pen<'_>, entry: &Entry, domain: &mut Domain) {
    let fields = pen.table(&entry.node, "files");
    let shared = read_shared(pen, &fields, Control::FilesRead, pen.place(&entry.span));
    for field in &fields {
        let control = match field.key.as_str() {
            "read" => Control::FilesRead,
            "write" => Control::FilesWrite,
            "forbid" => Control::FilesForbid,
            _ => continue,
        };
        let patterns = Some(list::read_patterns(pen, &field.node));
        let mut rule = Rule { place: pen.place(&field.span), ..shared.clone() };
        if control == Control::FilesForbid {
            rule.only = patterns;
        } else {
            rule.except = patterns;
        }
        domain.rules.insert(control, rule);
    }
}

fn read_exec(pen: &mut Pen<'_>, entry: &Entry, domain: &mut Domain) {
    let place = pen.place(&entry.span);
    if !matches!(entry.node.value, Value::Table(_)) {
        let mut rule = default_rule(Control::ExecList, Action::Deny, place);
        rule.except = Some(list::read_patterns(pen, &entry.node));
        domain.rules.insert(Control::ExecList, rule);
        return;
    }
    let fields = pen.table(&entry.node, "exec");
    let shared = read_shared(pen, &fields, Control::ExecList, place);
    for field in &fields {
        let place = pen.place(&field.span);
        match field.key.as_str() {
            "allow" => {
                let except = Some(list::read_patterns(pen, &field.node));
                domain.rules.insert(Control::ExecList, Rule { place, except, ..shared.clone() });
            }
            "forbid" => {
                let only = Some(list::read_patterns(pen, &field.node));
                domain.rules.insert(Control::ExecForbid, Rule { place, only, ..shared.clone() });
            }
            _ => {}
        }
    }
}

fn read_network(pen: &mut Pen<'_>, entry: &Entry, domain: &mut Domain) {
    let fields = pen.table(&entry.node, "network");
    let shared = read_shared(pen, &fields, Control::NetBind, pen.place(&entry.span));
    for field in &fields {
        let control = match field.key.as_str() {
            "bind" => Control::NetBind,
            "connect" => Control::NetConnect,
            "families" => Control::NetFamily,
            _ => continue,
        };
        match control {
            Control::NetFamily => domain.families = list::read_families(pen, &field.node),
            _ => domain.nets.extend(list::read_nets(pen, &field.node, control == Control::NetBind)),
        }
        domain.rules.insert(control, Rule { place: pen.place(&field.span), ..shared.clone() });
    }
    let most = crate::compile::layout::NETS;
    if domain.nets.len() > most {
        pen.error(&entry.span, format!("at most {most} addresses in a policy"), None);
    }
}

fn read_capabilities(pen: &mut Pen<'_>, entry: &Entry, domain: &mut Domain) {
    let place = pen.place(&entry.span);
    let mut rule = default_rule(Control::Capabilities, Action::Deny, place);
    if matches!(entry.node.value, Value::Table(_)) {
        let fields = pen.table(&entry.node, "capabilities");
        rule = read_shared(pen, &fields, Control::Capabilities, place);
        match fields.iter().find(|field| field.key == "allow") {
            Some(field) => domain.capabilities = list::read_capabilities(pen, &field.node),
            None => pen.error(&entry.span, "capabilities needs `allow`".to_owned(), None),
        }
    } else {
        domain.capabilities = list::read_capabilities(pen, &entry.node);
    }
    domain.rules.insert(Control::Capabilities, rule);
}

fn read_syscalls(pen: &mut Pen<'_>, entry: &Entry, domain: &mut Domain) {
    let (mut profile, mut action) = (None, "errno");
    for field in pen.table(&entry.node, "syscalls") {
        match field.key.as_str() {
            "profile" => profile = pen.text(&field.node),
            _ => action = pen.word(&field.node, &["errno", "kill", "log"]).unwrap_or(action),
        }
    }
    match profile {
        Some(profile) => domain.syscalls = Some((profile, action.to_owned())),
        None => pen.error(&entry.span, "syscalls needs `profile`".to_owned(), None),
    }
}
