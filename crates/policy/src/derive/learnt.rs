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

/// `/dev/pts/3` and, of the older kind, `/dev/ptyp3` and `/dev/ttyp3` (Documentation/admin-guide/devices.txt).
fn any_terminal(path: &str) -> Option<String> {
    let name = path.strip_prefix("/dev/")?;
    if let Some(number) = name.strip_prefix("pts/") {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        return is_number.then(|| "/dev/pts/*".to_owned());
    }
    let mut rest = name.strip_prefix("pty").or_else(|| name.strip_prefix("tty"))?.chars();
    let bank = rest.next().filter(|bank| matches!(bank, 'a'..='e' | 'p'..='z'))?;
    let is_one = rest.next().is_some_and(|unit| unit.is_ascii_hexdigit()) && rest.next().is_none();
    is_one.then(|| format!("/dev/{}{bank}?", name.get(..3).unwrap_or_default()))
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

/// Numbers of processes and of terminals are any: the kernel deals them out.
fn generalised(path: &str) -> String {
    if let Some(terminal) = any_terminal(path) {
        return terminal;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_the_kernel_deals_out_are_any_and_serial_lines_are_themselves() {
        let all = [
            ("/proc/71/stat", "/proc/*/**"),
            ("/dev/pts/0", "/dev/pts/*"),
            ("/dev/ptyp0", "/dev/ptyp?"),
            ("/dev/ttyqf", "/dev/ttyq?"),
            ("/dev/ttyS0", "/dev/ttyS0"),
            ("/dev/pts/ptmx", "/dev/pts/ptmx"),
            ("/etc/passwd", "/etc/passwd"),
        ];
        for (seen, written) in all {
            assert_eq!(generalised(seen), written);
        }
    }
}
