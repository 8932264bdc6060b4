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

/// What a rule says of itself. The registry in `assess` holds one per rule; the catalogue, the
/// help texts of SARIF and docs/RULES.md are made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleDoc {
    /// Stable code, kebab-case, named for the bad thing.
    pub code: &'static str,
    /// The bad thing, in a few words.
    pub title: &'static str,
    /// What it is about; rules are listed by it.
    pub theme: Theme,
    /// The least severity that a finding of this rule has.
    pub mildest: Severity,
    /// The worst.
    pub worst: Severity,
    /// How it works: which facts are weighed, and how.
    pub how: &'static str,
    /// When it fires although nothing is wrong.
    pub false_positives: &'static str,
    /// When it stays silent although something is wrong.
    pub false_negatives: &'static str,
    /// What to change.
    pub remedy: &'static str,
    /// What others say about it.
    pub references: &'static [Reference],
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// Accounts and their passwords.
    Accounts,
    /// Keys, certificates and tokens.
    Secrets,
    /// What the network and the console reach.
    Exposure,
    /// What runs at boot, and as whom.
    StartUp,
    /// How programs and libraries are built.
    Programs,
    /// The kernel and its security modules.
    Kernel,
    /// Modes of files.
    Permissions,
    /// Third-party software and updates.
    Supply,
    /// What kakoi could not look into.
    Coverage,
}

impl Theme {
    /// Every theme, in the order of the catalogue.
    pub const ALL: [Self; 9] = [
        Self::Accounts,
        Self::Secrets,
        Self::Exposure,
        Self::StartUp,
        Self::Programs,
        Self::Kernel,
        Self::Permissions,
        Self::Supply,
        Self::Coverage,
    ];

    /// A heading for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Accounts => "Accounts",
            Self::Secrets => "Keys and secrets",
            Self::Exposure => "Exposed services",
            Self::StartUp => "Start-up",
            Self::Programs => "Programs and libraries",
            Self::Kernel => "Kernel",
            Self::Permissions => "Permissions",
            Self::Supply => "Components and updates",
            Self::Coverage => "Coverage of the scan",
        }
    }
}

/// A clause that a rule bears on. Naming one never claims that an image complies with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reference {
    /// A weakness of the Common Weakness Enumeration, by number.
    Cwe(u16),
    /// A recommendation of the Kernel Self-Protection Project, by option.
    Kspp(&'static str),
    /// A provision of ETSI EN 303 645 V3.1.3.
    Etsi(&'static str),
    /// A clause of Annex I of the EU Cyber Resilience Act (Regulation 2024/2847).
    Cra(&'static str),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cwe(number) => write!(f, "CWE-{number}"),
            Self::Kspp(option) => write!(f, "KSPP {option}"),
            Self::Etsi(provision) => write!(f, "ETSI EN 303 645 {provision}"),
            Self::Cra(clause) => write!(f, "CRA Annex {clause}"),
        }
    }
}
