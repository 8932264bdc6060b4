// SPDX-License-Identifier: Apache-2.0
//! `kakoi honeypot replay --html`: one session as a page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use kakoi_assess::stages::{MAX_LINE_BYTES, Sessions, parse_record};
use kakoi_model::Event;
use kakoi_report::{Session, render_session};

use crate::exit::{BadInput, Exit};
use crate::lines::Lines;
use crate::output;

/// Events that a page may have: beyond, a browser cannot show it.
const MOST_EVENTS: usize = 500_000;

/// Names of sessions that are told to who asks for another one.
const MOST_NAMES: usize = 6;

/// Writes the page of the session of this name, or of the only one.
pub fn write(input: &Path, wanted: Option<&str>, path: &Path) -> anyhow::Result<Exit> {
    let mut session = read(input, wanted)?;
    session.by_text = stages(&session.events)?;
    std::fs::write(path, render_session(&session)).with_context(|| path.display().to_string())?;
    Ok(Exit::Done)
}

fn read(input: &Path, wanted: Option<&str>) -> anyhow::Result<Session> {
    let mut lines = Lines::open(input, MAX_LINE_BYTES)?;
    let mut session = Session::default();
    let mut others = BTreeSet::new();
    let (mut broken, mut more) = (0_u64, 0_u64);
    while let Some(line) = lines.next()? {
        let Ok(event) = serde_json::from_slice::<Event>(line.bytes) else {
            broken += 1;
            continue;
        };
        let name = event.session.clone().unwrap_or_default();
        if wanted.is_some_and(|wanted| wanted != name) {
            if others.len() < MOST_NAMES {
                others.insert(name);
            }
            continue;
        }
        if session.events.is_empty() {
            session.name.clone_from(&name);
        }
        anyhow::ensure!(
            session.name == name,
            BadInput(format!(
                "several sessions ({}, {name}, ...): name one with --session",
                session.name
            ))
        );
        if session.events.len() < MOST_EVENTS {
            session.events.push(event);
        } else {
            more += 1;
        }
    }
    for (count, word) in [(broken, "lines are no whole event"), (more, "events beyond the first")] {
        if count > 0 {
            output::complain(&format!("{count} {word}, and were left out"));
        }
    }
    anyhow::ensure!(!session.events.is_empty(), BadInput(none_of(wanted, &others)));
    Ok(session)
}

/// Why there is nothing to show.
fn none_of(wanted: Option<&str>, others: &BTreeSet<String>) -> String {
    let names: Vec<&str> = others.iter().map(String::as_str).collect();
    match wanted {
        Some(wanted) if !names.is_empty() => {
            let more = if names.len() == MOST_NAMES { ", ..." } else { "" };
            output::printable(&format!("no session {wanted}; there are {}{more}", names.join(", ")))
        }
        _ => "no event in the input".to_owned(),
    }
}

/// What each line was for by its text.
fn stages(events: &[Event]) -> anyhow::Result<BTreeMap<u32, Vec<kakoi_model::Purpose>>> {
    let mut sessions = Sessions::new(1);
    let mut settled = Vec::new();
    for event in events {
        let text = event.to_json_line()?;
        settled.extend(
            sessions.push(u64::from(event.line.unwrap_or(0)), &parse_record(text.as_bytes())),
        );
    }
    settled.extend(sessions.finish());
    let purposes = settled.into_iter().map(|settled| {
        let parts = settled.line.parts.iter().map(|part| part.purpose).collect();
        (u32::try_from(settled.line.number).unwrap_or(u32::MAX), parts)
    });
    Ok(purposes.collect())
}
