// SPDX-License-Identifier: Apache-2.0
//! Judgements that rules made from facts.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Evidence, FileRef};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Weakens defence in depth.
    Low,
    /// Helps an attacker who has another weakness.
    Medium,
    /// Gives an attacker a foothold, or removes the last barrier in an exposed program.
    High,
    /// Lets anybody who reaches the device in.
    Critical,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of the five severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSeverity;

impl fmt::Display for UnknownSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a severity is one of critical, high, medium, low, info")
    }
}

impl std::error::Error for UnknownSeverity {}

impl std::str::FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(UnknownSeverity)
    }
}

/// One judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Code of the rule, kebab-case, named for the bad thing.
    pub rule: Cow<'static, str>,
    /// How bad.
    pub severity: Severity,
    /// One sentence about this case.
    pub message: String,
    /// What it is about: a path, an account, an option. Part of the fingerprint.
    pub subject: String,
    /// The file, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileRef>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to change: a compiler flag, a configuration line, a package.
    pub remedy: String,
    /// Does the subject start at boot?
    #[serde(default)]
    pub starts_at_boot: bool,
    /// Stable over versions of an image: rule and subject, not offsets or container numbers.
    pub fingerprint: String,
}
