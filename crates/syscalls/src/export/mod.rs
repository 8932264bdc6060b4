// SPDX-License-Identifier: Apache-2.0
//! Rules in the words of other systems. What a system has no word for is left out and said in a comment, where its format has
//! comments; [`Target::loses`] says it for each.

mod apparmor;
mod header;
mod minijail;
mod oci;
mod systemd;

use std::collections::BTreeMap;

use crate::filter::{Action, CallRule, Rules, Table};

/// A system that rules can be given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A drop-in for a unit (systemd.exec(5)).
    Systemd,
    /// `linux.seccomp` of a container's configuration (OCI runtime specification).
    Oci,
    /// OpenWrt's ujail: today's format and that of releases up to 19.07.
    Ujail,
    /// A policy file of minijail (minijail0(5)).
    Minijail,
    /// The compiled filter as C.
    CHeader,
    /// A profile of what the calls need of AppArmor, which itself knows no calls (apparmor.d(5)).
    Apparmor,
    /// A domain of a kakoi policy.
    Kakoi,
}

impl Target {
    /// Every system.
    pub const ALL: [Self; 7] = [
        Self::Systemd,
        Self::Oci,
        Self::Ujail,
        Self::Minijail,
        Self::CHeader,
        Self::Apparmor,
        Self::Kakoi,
    ];

    /// Name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Oci => "oci",
            Self::Ujail => "ujail",
            Self::Minijail => "minijail",
            Self::CHeader => "c-header",
            Self::Apparmor => "apparmor",
            Self::Kakoi => "kakoi",
        }
    }

    /// What of the rules the system cannot hold; empty for all.
    #[must_use]
    pub const fn loses(self) -> &'static str {
        match self {
            Self::Systemd => {
                "arguments are not checked; unknown calls get the same error as all others"
            }
            Self::Oci => "execve is allowed, since the runtime starts the program under the filter",
            Self::Ujail => "arguments are not checked by releases up to 19.07",
            Self::Minijail => "masks of arguments: the values are compared as a whole",
            Self::Apparmor => "AppArmor knows no calls: only what they need of it is there",
            Self::CHeader | Self::Kakoi => "",
        }
    }
}

/// What is exported.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The program's path on the device.
    pub program: &'a str,
    /// File that the profile is kept in.
    pub profile: &'a str,
    /// Rules.
    pub rules: &'a Rules,
    /// Numbers of the architecture's calls.
    pub table: &'a Table,
}

impl Subject<'_> {
    /// Last part of the program's path, with other characters than letters, digits and `-` replaced.
    fn short_name(&self) -> String {
        let name = self.program.rsplit('/').next().unwrap_or_default();
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' }
        };
        name.chars().map(plain).collect()
    }

    /// Allowed calls that the table names.
    fn calls(&self) -> BTreeMap<&str, &CallRule> {
        let calls = self.table.iter();
        calls
            .filter_map(|(name, number)| Some((name.as_str(), self.rules.calls.get(number)?)))
            .collect()
    }

    /// Calls that are answered `ENOSYS`.
    fn missing(&self) -> Vec<&str> {
        let is_missing = |(_, number): &(&String, &u32)| self.rules.missing.contains(number);
        self.table.iter().filter(is_missing).map(|(name, _)| name.as_str()).collect()
    }

    /// The program's path as it may stand in a quoted string or a comment: control characters, quotes and backslashes replaced.
    fn quoted_program(&self) -> String {
        let plain = |letter: char| {
            if letter.is_control() || matches!(letter, '"' | '\\' | '*') { '_' } else { letter }
        };
        self.program.chars().map(plain).collect()
    }
}

/// The rules as text for the system.
///
/// # Errors
/// When the filter is too long for the kernel ([`Target::CHeader`]).
pub fn render(target: Target, subject: Subject<'_>) -> Result<String, crate::filter::TooLong> {
    Ok(match target {
        Target::Systemd => systemd::render(&subject),
        Target::Oci => oci::render_oci(&subject),
        Target::Ujail => oci::render_ujail(&subject),
        Target::Minijail => minijail::render(&subject),
        Target::CHeader => header::render(&subject)?,
        Target::Apparmor => apparmor::render(&subject),
        Target::Kakoi => render_kakoi(&subject),
    })
}

/// `errno`, `kill`, `log` or `trace`: the word for an action on the command line and in policies.
fn word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Log => "log",
        Action::Trace => "trace",
        Action::Fail(_) => "errno",
        Action::Kill => "kill",
    }
}

fn render_kakoi(subject: &Subject<'_>) -> String {
    let profile: String =
        subject.profile.chars().filter(|letter| !letter.is_control() && *letter != '"').collect();
    format!(
        "kakoi = 1\n\n[domain.{}]\nenter.exec = \"{}\"\nsyscalls = {{ profile = \"{profile}\", action = \"{}\" }}\n",
        subject.short_name(),
        subject.quoted_program(),
        word(subject.rules.action),
    )
}
