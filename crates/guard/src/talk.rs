// SPDX-License-Identifier: Apache-2.0
//! What libbpf says while it works. It prints by itself otherwise; here the last lines are kept for
//! the reason of a failure.

use std::sync::{Mutex, PoisonError};

use libbpf_rs::{PrintLevel, set_print};

const KEPT: usize = 400;

static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Listens from now on, and forgets what was said before.
pub(crate) fn hear() {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
    set_print(Some((PrintLevel::Debug, keep)));
}

/// What the last failure was about: the verifier's last words before its statistics, and libbpf's.
pub(crate) fn reason() -> String {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: Vec<&str> = said.iter().flat_map(|text| text.lines()).collect();
    let judged = lines.iter().rposition(|line| line.starts_with("processed "));
    let last = judged.and_then(|at| at.checked_sub(1)).and_then(|at| lines.get(at));
    let failed =
        lines.iter().rfind(|line| line.contains("failed to load") || line.contains("fail"));
    [last, judged.and_then(|at| lines.get(at)), failed]
        .into_iter()
        .flatten()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join("; ")
}

/// The program that the last failure was about.
pub(crate) fn failed_program() -> Option<String> {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.iter().rev().find_map(|text| {
        let rest = text.split_once("libbpf: prog '")?.1;
        let (name, after) = rest.split_once('\'')?;
        after.contains("failed to load").then(|| name.to_owned())
    })
}

fn keep(_: PrintLevel, text: String) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.push(text);
    let surplus = said.len().saturating_sub(KEPT);
    said.drain(..surplus);
}
