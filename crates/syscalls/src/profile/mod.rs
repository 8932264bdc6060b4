// SPDX-License-Identifier: Apache-2.0
//! System-call profiles: which calls a program makes, why each is in, and what stays unresolved.
//! docs/PROFILES.md describes the file.

mod derive;
mod merge;
mod select;
mod text;
mod trace;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::filter::Architecture;
use crate::table::Table;

pub(crate) use derive::is_bound;
pub use derive::{Subject, derive};
pub use merge::{Conflict, Difference, diff, merge};
pub use select::{Calls, selection};
pub use text::{Malformed, parse, render};
pub use trace::{LostEvents, Recorded, of_log};

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
    /// Architecture, with byte order, as `--arch` names it.
    pub arch: String,
    /// Where the numbers of the calls come from.
    pub table: String,
    /// Where the phase of serving begins: function and address; none was found where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving_from: Option<String>,
    /// Libraries that running code names and that the root file system lacks: the profile holds while they are not there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent: BTreeSet<String>,
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
    /// Only modules of the name service make it (`nsswitch.conf`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_services: bool,
    /// How it is reached: functions from an entry to the instruction, or a line of a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// How often it was seen in runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seen: u64,
    /// Arguments (by number, from 0) that hold one of these numbers on every path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, BTreeSet<u64>>,
}

// The signature is that which serde wants.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Profile {
    /// A profile of no calls.
    #[must_use]
    pub fn empty(program: &str, architecture: Architecture) -> Self {
        let abi = architecture.abi();
        Self {
            kakoi_syscalls: FORMAT,
            program: program.to_owned(),
            abi: abi.to_owned(),
            arch: architecture.name().to_owned(),
            table: Table::named(abi).map(|table| table.source.clone()).unwrap_or_default(),
            serving_from: None,
            absent: BTreeSet::new(),
            files: Vec::new(),
            unresolved: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Names of the calls that are made once the program serves.
    pub fn serving(&self) -> impl Iterator<Item = &str> {
        let calls = self.calls.iter().filter(|(_, call)| call.phase == Phase::Serving);
        calls.map(|(name, _)| name.as_str())
    }
}
