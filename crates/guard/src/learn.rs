// SPDX-License-Identifier: Apache-2.0
//! What a service did, as a domain of a policy: minimal and readable. Pure: records in, text out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use kakoi_policy::{Access, Op};

use crate::event::Record;

/// So many names in one directory become `directory/*`.
const MANY: usize = 8;

/// What was seen of one domain.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    read: BTreeSet<String>,
    written: BTreeSet<String>,
    run: BTreeSet<String>,
    bound: BTreeSet<String>,
    connected: BTreeSet<String>,
    families: BTreeSet<u8>,
    capabilities: BTreeSet<u8>,
    attempts: u64,
    unknown: u64,
}

impl Learned {
    /// Takes one attempt in.
    pub fn add(&mut self, record: &Record) {
        let Some(op) = record.op.filter(|_| !record.is_session) else { return };
        self.attempts += 1;
        self.unknown += u64::from(record.unknown != 0);
        let path = generalised(&record.path);
        match op {
            Op::Exec => {
                self.run.extend(path);
            }
            Op::Open | Op::Receive => {
                let asked = |access: Access| record.access >> access.number() & 1 == 1;
                if asked(Access::Write) || asked(Access::Truncate) {
                    self.written.extend(path.clone());
                }
                if asked(Access::Read) {
                    self.read.extend(path);
                }
            }
            Op::Create | Op::Chmod | Op::Setxattr | Op::Truncate | Op::Remove | Op::Setattr => {
                self.written.extend(path);
            }
            Op::Link | Op::Rename => {
                self.written.extend(path);
                self.written.extend(generalised(&record.target));
            }
            Op::Bind => self.bound.extend(net(record)),
            Op::Connect => self.connected.extend(net(record)),
            Op::Socket => {
                self.families.insert(record.family);
            }
            Op::Capable => {
                self.capabilities.insert(record.arg);
            }
            Op::MapExec | Op::MemExec | Op::Protect => {}
        }
    }

    /// Attempts that were taken in.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// The policy of this domain. `enter` is the program that enters it.
    #[must_use]
    pub fn policy(&self, domain: &str, enter: &str) -> String {
        let mut text = String::from("# SPDX-License-Identifier: Apache-2.0\n");
        let mut line = |line: &str| {
            let _ = writeln!(text, "{line}");
        };
        line(&format!("# What {enter} did while it was watched: {} attempts.", self.attempts));
        if self.unknown != 0 {
            line(&format!(
                "# Of {} not every fact was known; those are missing here.",
                self.unknown
            ));
        }
        line("# Read it before you enforce it: what it does seldom may be missing.");
        line("kakoi = 1");
        line(&format!("name = {}", quoted(domain)));
        line("");
        line(&format!("[domain.{domain}]"));
        line(&format!("enter.exec = {}", quoted(enter)));
        line(&format!("files.read = {}", list(&gathered(&self.read))));
        line(&format!("files.write = {}", list(&gathered(&self.written))));
        line(&format!("exec = {}", list(&gathered(&self.run))));
        let families: BTreeSet<String> =
            self.families.iter().filter_map(|f| family(*f)).map(str::to_owned).collect();
        line(&format!(
            "network = {{ bind = {}, connect = {}, families = {} }}",
            list(&self.bound),
            list(&self.connected),
            list(&families)
        ));
        let capabilities: BTreeSet<String> = self
            .capabilities
            .iter()
            .filter_map(|number| kakoi_policy::CAPABILITIES.get(usize::from(*number)))
            .map(|name| (*name).to_owned())
            .collect();
        line(&format!("capabilities = {}", list(&capabilities)));
        text
    }
}

/// A path as a pattern: numbers of processes are any, what has no place is left out.
fn generalised(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return None;
    }
    let Some(rest) = path.strip_prefix("/proc/") else { return Some(path.to_owned()) };
    let mut parts = rest.splitn(2, '/');
    let first = parts.next().unwrap_or_default();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(match parts.next() {
            Some(_) => "/proc/*/**".to_owned(),
            None => "/proc/*".to_owned(),
        });
    }
    Some(path.to_owned())
}

/// Many names of one directory become one pattern.
fn gathered(paths: &BTreeSet<String>) -> BTreeSet<String> {
    let mut directories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        directories.entry(directory).or_default().push(path);
    }
    let mut out = BTreeSet::new();
    for (directory, names) in directories {
        if names.len() >= MANY && !directory.is_empty() {
            out.insert(format!("{directory}/*"));
        } else {
            out.extend(names.into_iter().map(str::to_owned));
        }
    }
    out
}

fn net(record: &Record) -> Option<String> {
    let protocol = match record.protocol {
        6 => "tcp",
        17 => "udp",
        _ => "any",
    };
    record.ip().map(|_| format!("{protocol}:{}", record.port))
}

fn family(number: u8) -> Option<&'static str> {
    kakoi_policy::FAMILIES.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
}

fn list(items: &BTreeSet<String>) -> String {
    let words: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    let line = format!("[{}]", words.join(", "));
    if line.len() <= 100 {
        return line;
    }
    format!("[\n    {},\n]", words.join(",\n    "))
}

/// A TOML string; what no pattern can hold is escaped by its quotes.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)).chars().collect(),
            c => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EVENT_BYTES;

    fn seen(op: Op, path: &str) -> Record {
        let mut record = Record::read(&vec![0; EVENT_BYTES]).unwrap();
        record.op = Some(op);
        record.path = path.to_owned();
        record
    }

    #[test]
    fn what_was_seen_becomes_a_policy_that_can_be_read() {
        let mut learned = Learned::default();
        let mut open = seen(Op::Open, "/www/index.html");
        open.access = 1;
        learned.add(&open);
        learned.add(&seen(Op::Exec, "/www/cgi-bin/status"));
        learned.add(&seen(Op::Create, "/tmp/httpd/upload"));
        let mut bind = seen(Op::Bind, "");
        (bind.family, bind.protocol, bind.port) = (2, 6, 80);
        learned.add(&bind);
        let text = learned.policy("httpd", "/usr/sbin/httpd");
        let reading = kakoi_policy::read(&text);
        assert!(reading.policy.is_some(), "{}", reading.render("learned", &text));
        for part in [
            r#"files.read = ["/www/index.html"]"#,
            r#"files.write = ["/tmp/httpd/upload"]"#,
            r#"exec = ["/www/cgi-bin/status"]"#,
            r#"bind = ["tcp:80"]"#,
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn many_files_of_a_directory_become_one_pattern_and_processes_too() {
        let mut learned = Learned::default();
        for number in 0..9 {
            let mut open = seen(Op::Open, &format!("/www/{number}.png"));
            open.access = 1;
            learned.add(&open);
        }
        let mut open = seen(Op::Open, "/proc/42/stat");
        open.access = 1;
        learned.add(&open);
        let text = learned.policy("httpd", "httpd");
        assert!(text.contains(r#"files.read = ["/proc/*/**", "/www/*"]"#), "{text}");
    }
}
