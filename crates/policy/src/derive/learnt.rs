// SPDX-License-Identifier: Apache-2.0
//! What runs showed, merged into what the image told.

use std::collections::BTreeSet;

use super::{Derived, Known, Line, Lines, Service};
use crate::pattern::Pattern;

/// One attempt that was seen in a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Domain.
    pub domain: String,
    /// Control that judged it, as events name it: `files.read`, `exec.allow`, …
    pub control: String,
    /// Path, applet, address, family or capability, as the policy writes it.
    pub what: String,
}

/// Attempts of one or more runs.
pub type Learnt = BTreeSet<Seen>;

impl Derived {
    /// Marks what was seen, and adds what the image did not tell. `run` names the run, for the evidence.
    /// What is on none of the service's lists is added with exactly what was seen, numbers of processes aside.
    pub fn observe(&mut self, seen: &Learnt, run: &str) {
        for one in seen {
            let Some(service) = self.services.iter_mut().find(|known| known.name == one.domain)
            else {
                continue;
            };
            service.observe(one, run);
        }
        for service in &mut self.services {
            service.drop_gaps();
        }
    }
}

impl Service {
    fn observe(&mut self, seen: &Seen, run: &str) {
        let what = generalised(&seen.what);
        let lines = match seen.control.as_str() {
            "files.read" => &mut self.read,
            "files.write" => &mut self.write,
            "exec.allow" => &mut self.exec,
            "exec-outside" | "run-dropped" => &mut self.dropped,
            "network.bind" => &mut self.bind,
            "network.connect" => &mut self.connect,
            "network.families" => &mut self.families,
            "capabilities" => &mut self.capabilities,
            _ => return,
        };
        mark(lines, &what, run);
    }

    /// What was open in the image and was seen in runs is what was seen.
    fn drop_gaps(&mut self) {
        self.bind = chosen_at_run_time(std::mem::take(&mut self.bind));
        for lines in [&mut self.bind, &mut self.connect] {
            let told = lines.keys().any(|what| what != "any:*" && what != "any:0");
            if told && lines.values().any(|line| line.known != Known::Static) {
                lines.remove("any:*");
            }
        }
        let (bound, connected) =
            (!self.bind.contains_key("any:*"), !self.connect.contains_key("any:*"));
        self.gaps.retain(|gap| match gap.as_str() {
            "which ports it binds" => !bound,
            "whom it connects to" => !connected,
            _ => true,
        });
    }
}

/// Where the image tells no port, one above the well-known ones may be another at the next boot: the line says so.
fn chosen_at_run_time(lines: Lines) -> Lines {
    const HIGH: &str = "any:1024-65535";
    if !lines.contains_key("any:*") {
        return lines;
    }
    let is_high = |what: &str| {
        let port = what.strip_prefix("any:").and_then(|port| port.parse::<u16>().ok());
        port.is_some_and(|port| port > 1023)
    };
    let mut out = Lines::new();
    for (what, line) in lines {
        if line.known == Known::Observed && is_high(&what) {
            let evidence = format!(
                "{what} in {}; the image tells no port, another may be chosen",
                line.evidence
            );
            out.insert(HIGH.to_owned(), Line { known: Known::Observed, evidence });
        } else {
            out.insert(what, line);
        }
    }
    out
}

fn mark(lines: &mut Lines, what: &str, run: &str) {
    // What was seen of an address has no protocol.
    let port = what.strip_prefix("any:");
    let covers = |pattern: &str| {
        let same_port = pattern.split_once(':').is_some_and(|(protocol, number)| {
            ["tcp", "udp"].contains(&protocol) && Some(number) == port
        });
        pattern == what
            || same_port
            || Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches_path(what))
    };
    let mut known = false;
    for (pattern, line) in lines.iter_mut() {
        if pattern != "any:*" && covers(pattern) {
            known = true;
            if line.known == Known::Static {
                line.known = Known::Both;
            }
        }
    }
    if !known {
        lines.insert(what.to_owned(), Line { known: Known::Observed, evidence: run.to_owned() });
    }
}

/// Numbers of processes are any.
fn generalised(path: &str) -> String {
    let Some(rest) = path.strip_prefix("/proc/") else { return path.to_owned() };
    let (first, more) =
        rest.split_once('/').map_or((rest, None), |(first, more)| (first, Some(more)));
    if first.is_empty() || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return path.to_owned();
    }
    match more {
        Some(_) => "/proc/*/**".to_owned(),
        None => "/proc/*".to_owned(),
    }
}
