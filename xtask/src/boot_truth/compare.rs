// SPDX-License-Identifier: Apache-2.0
//! What ran against what was said to start.

use std::collections::BTreeSet;
use std::fmt;

use kakoi_model::{StartCertainty, StartMechanism, StartUp};

use super::trace::{Boot, Ran};

/// One boot.
#[derive(Debug, Default)]
pub struct Row {
    ran: usize,
    always: usize,
    always_that_ran: usize,
    found_always: usize,
    found: usize,
    found_possible: usize,
    /// Processes at the end: all, found as *always* or *conditional*, found with *possible*.
    alive: [usize; 3],
    /// Said to run always, but a script on the way was still busy at the end.
    unreached: usize,
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

pub fn compare(claims: &[&StartUp], boot: &Boot) -> Row {
    let ran = &boot.ran;
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
        let is_alive = boot.alive.contains(one);
        row.alive[0] += usize::from(is_alive);
        row.alive[1] += usize::from(
            is_alive && best(one) < Some(StartCertainty::Possible) && best(one).is_some(),
        );
        row.alive[2] += usize::from(is_alive && best(one).is_some());
        if best(one).is_none_or(|best| best == StartCertainty::Possible) {
            let mark = if best(one).is_some() { " (possible)" } else { "" };
            let stays = if is_alive { " (stays)" } else { "" };
            row.missed.push(format!("{}{mark}{stays}", one.path));
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
        let has_run = ran.iter().any(|one| is_same(claim, one));
        if !has_run && is_unreached(claim, claims, boot) {
            row.unreached += 1;
            continue;
        }
        row.always += 1;
        if has_run {
            row.always_that_ran += 1;
        } else {
            row.idle.push(describe(claim));
        }
    }
    row
}

/// Was a script that leads to it, or one that init waits for, still running when the time was up?
fn is_unreached(claim: &StartUp, claims: &[&StartUp], boot: &Boot) -> bool {
    let busy = |path: &str| {
        boot.alive
            .iter()
            .any(|one| one.file.as_deref().is_some_and(|file| path == format!("/{file}")))
    };
    let on_the_way = claim.chain.iter().filter_map(|step| step.file.as_ref()).skip(1);
    if on_the_way.map(|place| place.path.absolute()).any(|path| busy(&path)) {
        return true;
    }
    // Links of a run level are started in turn.
    let is_link = |path: &str| path.contains("/rc") && base(path).starts_with('S');
    let links = claim.chain.iter().filter_map(|step| step.file.as_ref());
    let links: Vec<String> =
        links.map(|place| place.path.absolute()).filter(|p| is_link(p)).collect();
    let busy_link = |own: &String| {
        boot.alive.iter().any(|one| is_link(&one.path) && one.path.as_str() <= own.as_str())
    };
    if links.iter().any(busy_link) {
        return true;
    }
    let waited_for = claims.iter().filter(|one| {
        one.mechanism == StartMechanism::Inittab && !one.service
            || one.mechanism == StartMechanism::RcScript
    });
    let scripts = waited_for.filter_map(|one| one.program.as_ref());
    claim.mechanism == StartMechanism::Inittab
        && scripts.map(|place| place.path.absolute()).any(|path| busy(&path))
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
            "| {} of {} ({} not reached) | {} | {} | {} | {} | {} | {} | {} |",
            self.always_that_ran,
            self.always,
            self.unreached,
            self.alive[0],
            self.alive[1],
            self.alive[2],
            self.ran,
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
        self.total.alive.iter_mut().zip(row.alive).for_each(|(sum, count)| *sum += count);
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
            "{} boots: precision of *always* {:.3} of {}; {} programs in process lists: recall {:.3} (*always* or *conditional*), {:.3} with *possible*; {} programs ran: {:.3}, {:.3}",
            self.boots,
            share(total.always_that_ran, total.always),
            total.always,
            total.alive[0],
            share(total.alive[1], total.alive[0]),
            share(total.alive[2], total.alive[0]),
            total.ran,
            share(total.found, total.ran),
            share(total.found_possible, total.ran)
        )
    }
}
