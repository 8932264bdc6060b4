// SPDX-License-Identifier: Apache-2.0
//! What a policy says, in words: for people, for editors, for docs.

mod difference;
mod schema;

pub use difference::differences;
pub use schema::{reference, schema};

use std::collections::BTreeSet;

use crate::decide::Verdict;
use crate::pattern::Pattern;
use crate::policy::{Domain, Policy, Rule};
use crate::words::{Action, Control};

/// Why an attempt is decided as it is, in a few lines.
#[must_use]
pub fn explain(policy: &Policy, verdict: &Verdict) -> String {
    let mut text = format!("{}\n", verdict.action);
    let Some(cause) = verdict.cause else {
        text.push_str("  no rule judges it\n");
        return text;
    };
    if let (Some(domain), Some((_, _, rule))) =
        (policy.domains.get(cause.domain), policy.rule(cause.rule))
    {
        text.push_str(&format!(
            "  by {} of the domain {}, line {}: {}\n",
            cause.control,
            domain.name,
            rule.place.line,
            judged(cause.control)
        ));
    }
    if cause.would != verdict.action {
        let why = match (verdict.overridden, cause.would) {
            (true, _) => "an override is in force",
            (_, Action::Rewrite) if verdict.action == Action::Deny => {
                "this cannot be rewritten here"
            }
            _ => "the rule only audits",
        };
        text.push_str(&format!("  the rule says {}, but {why}\n", cause.would));
    }
    if let Some(mode) = verdict.mode {
        text.push_str(&format!("  the mode becomes {:04o}\n", mode.0));
    }
    if verdict.taints {
        text.push_str("  the file is dropped content from now on\n");
    }
    text
}

const fn judged(control: Control) -> &'static str {
    match control {
        Control::ShellStart => "a shell is run",
        Control::ScriptExec => "a script is run",
        Control::GrantExec => "a file is given execute permission",
        Control::WriteExec => "an executable is written to or replaced",
        Control::ExecOutside => "the content is not trusted",
        Control::RunDropped => "the content was written in a session",
        Control::InterpretDropped => "code would be read that was written in a session",
        Control::ExecMemory => "memory is made executable",
        Control::SelfProtect => "it would end or blind the guard, or outlive the session",
        Control::FilesRead => "the file is not listed for reading",
        Control::FilesWrite => "the file is not listed for writing",
        Control::FilesForbid => "the file is forbidden",
        Control::ExecList => "the program is not listed",
        Control::ExecForbid => "the program is forbidden",
        Control::NetBind => "the address is not listed for binding",
        Control::NetConnect => "the address is not listed for connecting",
        Control::NetFamily => "the address family is not listed",
        Control::Capabilities => "the capability is not listed",
    }
}

/// The whole policy in words.
#[must_use]
pub fn describe(policy: &Policy) -> String {
    let mode = if policy.audit { "logs only" } else { "enforces" };
    let mut text = format!("policy {}: {mode}, {} domains\n", policy.name, policy.domains.len());
    for domain in &policy.domains {
        text.push_str(&format!("\n{}: {}\n", domain.name, entry_of(policy, domain)));
        for (control, rule) in &domain.rules {
            text.push_str(&format!(
                "  {:<18} {}\n",
                control.word(),
                describe_rule(domain, *control, rule)
            ));
        }
        if domain.taints {
            text.push_str("  what its members write is dropped content\n");
        }
        if let Some((profile, action)) = &domain.syscalls {
            text.push_str(&format!("  system calls of {profile}, others: {action}\n"));
        }
    }
    if let Some(granted) = &policy.maintenance {
        let lifts: Vec<&str> = granted.lifts.iter().map(|control| control.word()).collect();
        text.push_str(&format!(
            "\noverride: {} may lift {} for {} minutes\n",
            granted.authority.join(" or "),
            lifts.join(", "),
            granted.minutes
        ));
    }
    text
}

fn entry_of(policy: &Policy, domain: &Domain) -> String {
    let names = |indices: &BTreeSet<usize>| {
        let names = indices.iter().filter_map(|index| policy.domains.get(*index));
        names.map(|domain| domain.name.as_str()).collect::<Vec<_>>().join(" or ")
    };
    let mut ways = Vec::new();
    if domain.everyone {
        ways.push("every process".to_owned());
    }
    if let Some(daemons) = &domain.daemons {
        ways.push(format!("sessions of {}", list(daemons)));
    }
    if !domain.remote.is_empty() {
        ways.push("whatever looks like a remote session".to_owned());
    }
    if let Some(enter) = &domain.enter {
        ways.push(format!("{} and what it starts", list(enter)));
    }
    if !domain.parents.is_empty() {
        ways.push(format!("when run from {}", names(&domain.parents)));
    }
    ways.join("; ")
}

fn list(patterns: &BTreeSet<Pattern>) -> String {
    patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// One rule in words; also what `differences` compares.
pub(crate) fn describe_rule(domain: &Domain, control: Control, rule: &Rule) -> String {
    let mut text = rule.action.word().to_owned();
    if rule.audit {
        text.push_str(" (log only)");
    }
    if let Some(except) = &rule.except {
        text.push_str(&format!(", except {}", list(except)));
    }
    if let Some(only) = &rule.only {
        text.push_str(&format!(": {}", list(only)));
    }
    if rule.asks_trust() {
        let words: Vec<&str> = rule.trust.iter().map(|trust| trust.word()).collect();
        let paths = rule.trusted.as_ref().map(list);
        let trusted: Vec<String> = words.into_iter().map(str::to_owned).chain(paths).collect();
        text.push_str(&format!(", trusting {}", trusted.join(", ")));
    }
    text.push_str(&extras(domain, control, rule));
    text
}

fn extras(domain: &Domain, control: Control, rule: &Rule) -> String {
    match control {
        Control::GrantExec if rule.directories => ", directories too".to_owned(),
        Control::SelfProtect => {
            let kinds: Vec<&str> = domain.protect.iter().map(|kind| kind.word()).collect();
            format!(": {}", kinds.join(", "))
        }
        Control::NetBind | Control::NetConnect => {
            let bind = control == Control::NetBind;
            let nets: Vec<String> = domain
                .nets
                .iter()
                .filter(|net| net.bind == bind)
                .map(ToString::to_string)
                .collect();
            format!(", except {}", nets.join(", "))
        }
        Control::NetFamily => {
            format!(", except {}", numbers(&domain.families, crate::words::FAMILIES))
        }
        Control::Capabilities => {
            let names = domain
                .capabilities
                .iter()
                .filter_map(|number| crate::words::CAPABILITIES.get(usize::from(*number)));
            format!(", except {}", names.copied().collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

fn numbers(found: &BTreeSet<u8>, names: &[(&'static str, u8)]) -> String {
    let known = names.iter().filter(|(_, number)| found.contains(number));
    known.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl std::fmt::Display for crate::policy::Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = match self.protocol {
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => "any",
        };
        match (self.low, self.high) {
            (0, u16::MAX) => write!(f, "{protocol}:*")?,
            (low, high) if low == high => write!(f, "{protocol}:{low}")?,
            (low, high) => write!(f, "{protocol}:{low}-{high}")?,
        }
        let [a, b, c, d, ..] = self.address;
        match self.family {
            2 => write!(f, "@{}/{}", std::net::Ipv4Addr::new(a, b, c, d), self.prefix),
            10 => write!(f, "@{}/{}", std::net::Ipv6Addr::from(self.address), self.prefix),
            _ => Ok(()),
        }
    }
}
