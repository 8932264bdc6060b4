// SPDX-License-Identifier: Apache-2.0
//! What ran against what was said to start.

use std::collections::BTreeSet;
use std::fmt;

use kakoi_model::{StartCertainty, StartUp};

use super::trace::Ran;

/// One boot.
#[derive(Debug, Default)]
pub struct Row {
    ran: usize,
    always: usize,
    always_that_ran: usize,
    found_always: usize,
    found: usize,
    found_possible: usize,
    /// Ran, and nothing said so.
    missed: Vec<String>,
    /// Said to run always, and did not.
    idle: Vec<String>,
}

/// Programs are the same when the file is, and for programs with several names the name too.
fn is_same(claim: &StartUp, ran: &Ran) -> bool {
    let place = claim.program.as_ref().map(|place| place.path.absolute());
    let file = ran.file.as_ref().map(|file| format!("/{file}"));
    match (place, file) {
        (Some(place), Some(file)) => {
            place == file && claim.applet.as_ref().is_none_or(|applet| *applet == ran.name)
        }
        (None, None) => claim.command == ran.path || base(&claim.command) == ran.name,
        _ => false,
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

pub fn compare(claims: &[&StartUp], ran: &BTreeSet<Ran>) -> Row {
    let best = |one: &Ran| {
        claims.iter().filter(|claim| is_same(claim, one)).map(|claim| claim.certainty).min()
    };
    let mut row = Row { ran: ran.len(), ..Row::default() };
    for one in ran {
        match best(one) {
            Some(StartCertainty::Always) => row.found_always += 1,
            Some(StartCertainty::Conditional) => row.found += 1,
            Some(StartCertainty::Possible) => row.found_possible += 1,
            None => {}
        }
        if best(one).is_none_or(|best| best == StartCertainty::Possible) {
            let mark = if best(one).is_some() { " (possible)" } else { "" };
            row.missed.push(format!("{}{mark}", one.path));
        }
    }
    row.found += row.found_always;
    row.found_possible += row.found;
    let mut seen = BTreeSet::new();
    for claim in claims.iter().filter(|claim| claim.certainty == StartCertainty::Always) {
        let name = claim.applet.as_deref().unwrap_or_else(|| base(&claim.command));
        let key = (claim.program.as_ref().map(|place| place.path.absolute()), name.to_owned());
        if is_perhaps_built_in(name) || !seen.insert(key) {
            continue;
        }
        row.always += 1;
        if ran.iter().any(|one| is_same(claim, one)) {
            row.always_that_ran += 1;
        } else {
            row.idle.push(describe(claim));
        }
    }
    row
}

fn is_perhaps_built_in(name: &str) -> bool {
    super::trace::PERHAPS_BUILT_IN.contains(&name)
}

fn describe(claim: &StartUp) -> String {
    let last = claim.chain.last();
    let place = last.and_then(|step| step.file.as_ref()).map(|place| place.path.absolute());
    let line = last.and_then(|step| step.line).unwrap_or(0);
    format!("{} at {}:{line}", claim.command, place.unwrap_or_default())
}

impl Row {
    /// On standard error: what differs.
    pub fn explain(&self) {
        self.missed.iter().for_each(|missed| eprintln!("    ran unsaid: {missed}"));
        self.idle.iter().for_each(|idle| eprintln!("    did not run: {idle}"));
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} of {} | {} | {} | {} |",
            self.ran,
            self.always_that_ran,
            self.always,
            self.found_always,
            self.found,
            self.found_possible
        )
    }
}

/// All boots.
#[derive(Debug, Default)]
pub struct Sums {
    boots: usize,
    total: Row,
}

impl Sums {
    pub fn add(&mut self, row: &Row) {
        self.boots += 1;
        self.total.ran += row.ran;
        self.total.always += row.always;
        self.total.always_that_ran += row.always_that_ran;
        self.total.found_always += row.found_always;
        self.total.found += row.found;
        self.total.found_possible += row.found_possible;
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        let total = &self.total;
        write!(
            f,
            "{} boots, {} programs ran: precision of *always* {:.3}, recall {:.3} (*always* or *conditional*), {:.3} with *possible*",
            self.boots,
            total.ran,
            share(total.always_that_ran, total.always),
            share(total.found, total.ran),
            share(total.found_possible, total.ran)
        )
    }
}
