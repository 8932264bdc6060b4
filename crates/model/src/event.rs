// SPDX-License-Identifier: Apache-2.0
//! What happened on a device or in a honeypot: one line of `events.jsonl`.
//!
//! The schema is published as `docs/events.schema.json`; a test of this crate holds both together.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Stage, Timestamp};

/// Version of the published event schema. It rises with the field that needs it.
pub const EVENT_SCHEMA_VERSION: u32 = 2;

/// One event. Serialised as one JSON object with an `event` tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in UTC.
    pub time: Timestamp,
    /// The remote login or service request that it belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The command line of the session that caused it, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The policy's domain in which the subject ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The process that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// What was done.
    #[serde(flatten)]
    pub action: Action,
    /// What the policy said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The infection stage that it was judged to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

impl Event {
    /// One line for `events.jsonl`, without the line end.
    pub fn to_json_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// A process and where it descends from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// Process number, as the recording side sees it.
    pub pid: u32,
    /// Process number of the parent when this process was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The program that it runs: path, or `busybox:wget` for an applet.
    pub program: String,
    /// Programs of the ancestors, nearest first, as recorded at fork: the last is the root of the
    /// lineage (`telnetd`, `httpd`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Action {
    /// A session began.
    SessionStart(SessionStart),
    /// A line was typed, or given as the command of an SSH channel.
    Input {
        /// The line, control bytes escaped by JSON, bytes that are not UTF-8 replaced.
        input: String,
    },
    /// A system call returned.
    Call(Call),
    /// A hook of the kernel was asked, before the attempt.
    Hook {
        /// Its name: `bprm_check_security`, `file_open`.
        hook: String,
        /// What was attempted.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        arguments: BTreeMap<String, Argument>,
    },
    /// A name and password were given at a login.
    Login {
        /// The name.
        user: String,
        /// The password, or the fingerprint of a public key.
        password: String,
        /// Was it let in?
        admitted: bool,
    },
    /// A service was asked that answers in place of the world.
    Asked {
        /// `dns`, `http`, `tftp`, `ftp`.
        service: String,
        /// The question, in the words of its protocol.
        asked: String,
    },
    /// A file that a session made was kept.
    Sample {
        /// Where it lay.
        path: String,
        /// Of its content, in hexadecimal.
        sha256: String,
        /// Bytes.
        size: u64,
    },
    /// A session ended.
    SessionEnd {
        /// Events that were lost on the way from the kernel.
        #[serde(default)]
        lost: u64,
    },
}

/// How a session began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStart {
    /// Version of the schema of these lines: [`EVENT_SCHEMA_VERSION`].
    pub schema: u32,
    /// `telnet`, `ssh`, or the service through which the intruder came.
    pub entry: String,
    /// Address of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Processor architecture of the programs that run in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// A system call that returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its name, the same on every architecture: `openat`, `execve`.
    pub call: String,
    /// Decoded arguments by name: `path`, `flags`, `mode`, `descriptor`, `address`, `to`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, Argument>,
    /// What it returned: not negative, or `-errno`.
    pub result: i64,
}

/// A decoded argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    /// A number: descriptor, mode, size.
    Number(i64),
    /// A path, an address, or data (bytes that are not UTF-8 replaced).
    Text(String),
    /// Flags by name, or the words of a command.
    List(Vec<String>),
}

/// What a policy said to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It went on.
    Allow,
    /// It went on and was noted.
    Audit,
    /// It was refused.
    Deny,
    /// It went on in a weaker form.
    Rewrite,
    /// The subject was ended.
    Kill,
}

impl Verdict {
    /// Every verdict, mildest first.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Audit, Self::Deny, Self::Rewrite, Self::Kill];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Deny => "deny",
            Self::Rewrite => "rewrite",
            Self::Kill => "kill",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
