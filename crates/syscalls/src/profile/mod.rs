// SPDX-License-Identifier: Apache-2.0
//! System-call profiles: which calls a program makes, why each is in, and what stays unresolved.
//! docs/PROFILES.md describes the file.

mod derive;
mod merge;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use derive::{Subject, derive};
pub use merge::{Conflict, Difference, diff, merge};
pub use text::{Malformed, parse, render};

/// Version of the format; raised when a reader of the former one would misunderstand it.
pub const FORMAT: u32 = 1;

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// [`FORMAT`].
    pub kakoi_syscalls: u32,
    /// The executable, as it was named.
    pub program: String,
    /// ABI that the calls belong to: a table of `rules/syscalls.toml`.
    pub abi: String,
    /// Where the numbers of the calls come from.
    pub table: String,
    /// Where the phase of serving begins: function and address; none was found where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_from: Option<String>,
    /// Files that the program consists of.
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ProfiledFile>,
    /// What hides system calls from the analysis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// The calls by name.
    #[serde(default, rename = "call")]
    pub calls: BTreeMap<String, AllowedCall>,
}

/// A file that the program consists of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProfiledFile {
    /// Where it was found.
    pub path: String,
    /// It is opened at run time, not needed at start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
}

/// A place that may make system calls that are not in the profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Unresolved {
    /// File.
    pub file: String,
    /// Address as the disassembly shows it; 0 where the file as a whole is meant.
    pub address: u64,
    /// Function, by name or address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub function: String,
    /// Why it is not resolved.
    pub reason: String,
}

/// How a call came into the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// From the code.
    Static,
    /// From a run.
    Trace,
}

/// When a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Only before the program serves.
    Start,
    /// Also once it serves.
    Serving,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedCall {
    /// Where it is known from.
    pub source: BTreeSet<Source>,
    /// When it is made; `serving` also where no phase could be told.
    pub phase: Phase,
    /// How it is reached: functions from an entry to the instruction, or a line of a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// Arguments (by number, from 0) that hold one of these numbers on every path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, BTreeSet<u64>>,
}

impl Profile {
    /// Names of the calls that are made once the program serves.
    pub fn serving(&self) -> impl Iterator<Item = &str> {
        let calls = self.calls.iter().filter(|(_, call)| call.phase == Phase::Serving);
        calls.map(|(name, _)| name.as_str())
    }
}
