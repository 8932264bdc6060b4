// SPDX-License-Identifier: Apache-2.0
//! What `kakoi protect` found, as its report reads it: a part of the JSON that the arena writes. What lies under other
//! keys is passed over.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// All of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Protection {
    pub(crate) derived: Derived,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Derived {
    pub(crate) image: String,
    pub(crate) services: Vec<Service>,
    pub(crate) left_out: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) enter: String,
    pub(crate) start: String,
    pub(crate) read: Lines,
    pub(crate) write: Lines,
    pub(crate) exec: Lines,
    pub(crate) bind: Lines,
    pub(crate) connect: Lines,
    pub(crate) capabilities: Lines,
    pub(crate) gaps: Vec<String>,
}

pub(crate) type Lines = BTreeMap<String, Line>;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Line {
    pub(crate) known: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Run {
    pub(crate) machine: String,
    pub(crate) kernel: String,
    pub(crate) defence: String,
    #[serde(default)]
    pub(crate) impossible: Option<String>,
    pub(crate) life: Life,
    pub(crate) benign: Vec<Step>,
    pub(crate) attacks: Vec<Attack>,
    pub(crate) denials: BTreeMap<String, usize>,
    /// Benign operations.
    #[serde(default)]
    pub(crate) operations: usize,
    /// Rules that were written for the defence.
    #[serde(default)]
    pub(crate) rules: usize,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Life {
    pub(crate) services: Vec<ServiceLife>,
    pub(crate) listeners: Vec<Listening>,
    #[serde(default)]
    pub(crate) causes: Vec<String>,
    pub(crate) seconds: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ServiceLife {
    pub(crate) name: String,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "state", content = "how", rename_all = "kebab-case")]
pub(crate) enum State {
    Alive,
    Ended(String),
    NeverRun,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Listening {
    pub(crate) port: String,
    pub(crate) program: String,
    #[serde(default)]
    pub(crate) answer: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) code: i32,
    pub(crate) said: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) ran: bool,
    #[serde(default)]
    pub(crate) stage: Option<String>,
    pub(crate) typed: String,
    pub(crate) stopped_by: BTreeSet<String>,
}
