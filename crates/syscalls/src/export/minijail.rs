// SPDX-License-Identifier: Apache-2.0
//! minijail: one call a line.

use std::fmt::Write;

use super::Subject;
use crate::filter::{Action, Check};

pub(super) fn render(subject: &Subject<'_>) -> String {
    let mut text = format!("# System calls of {}, by kakoi.\n", subject.quoted_program());
    // Writing to memory does not fail.
    if let Action::Fail(number) = subject.rules.action {
        let _ = writeln!(text, "@default return {number}");
    }
    for (name, rule) in subject.calls() {
        let _ = writeln!(text, "{name}: {}", conditions(&rule.checks));
    }
    for name in subject.missing() {
        let _ = writeln!(text, "{name}: return {}", subject.rules.architecture.no_such_call());
    }
    text
}

/// `&&` binds closer than `||`, and there are no parentheses: every combination is written out.
fn conditions(checks: &[Check]) -> String {
    let combinations = checks.iter().fold(vec![Vec::new()], |lists: Vec<Vec<String>>, check| {
        let longer = |list: &Vec<String>| {
            let one = |value: &u64| format!("arg{} == {:#x}", check.argument, value & check.mask);
            check
                .values
                .iter()
                .map(|value| [list.clone(), vec![one(value)]].concat())
                .collect::<Vec<_>>()
        };
        lists.iter().flat_map(longer).collect()
    });
    match checks {
        [] => "1".to_owned(),
        _ => combinations.iter().map(|list| list.join(" && ")).collect::<Vec<_>>().join(" || "),
    }
}
