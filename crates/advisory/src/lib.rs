// SPDX-License-Identifier: Apache-2.0
//! Known vulnerabilities against the components of an image.
//!
//! [`import`] reads the databases that others publish (NVD, OSV, the Debian security tracker, CISA's list of exploited ones, a
//! table of kernel options) into one form, [`Advisory`]; [`judge`] holds the components of an image against it, twice: by version
//! alone, and by what configuration and code tell besides (requirement A-10). A version match alone proves nothing about code
//! that a vendor may have patched: it is `unknown` until somebody looked.
//!
//! Invariant: pure. Text in, verdicts out; no file, clock or network.

#![forbid(unsafe_code)]

mod import;
mod judge;
pub mod version;

pub use import::{Imported, import};
pub use judge::{Judged, PatchEvidence, judge};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One vulnerability in one product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Advisory {
    /// `CVE-2021-28831`; where there is none, the identifier of the database.
    pub id: String,
    /// Name of the product, lower case: that of CPE, of a package, or of an OSV ecosystem.
    pub product: String,
    /// Who makes it, as CPE has it; empty where the database does not tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub maker: String,
    /// Where the statement comes from: `nvd`, `osv`, `debian`.
    pub source: String,
    /// Ranges of versions that are affected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// Single versions that are affected.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub versions: BTreeSet<String>,
    /// Distribution whose packages alone the ranges are about: `debian 11`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub distribution: String,
    /// First line of the description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// Versions from one on, up to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Range {
    /// The first that is affected; empty: from the beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The first that is not; empty: there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fixed: String,
    /// The last that is affected; empty: not told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last: String,
    /// The first lies after this one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after: String,
}

/// All that is known, in order and without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Database {
    /// The statements.
    pub advisories: BTreeSet<Advisory>,
    /// Vulnerabilities that are exploited.
    pub exploited: BTreeSet<String>,
    /// Kernel options without which a vulnerability is not in the kernel: pairs of identifier and option.
    pub options: BTreeSet<(String, String)>,
}

/// One line of the stored form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Advisory(Advisory),
    Exploited(String),
    Option(String, String),
}

impl Database {
    /// Reads the stored form.
    ///
    /// # Errors
    /// The number of the first line that is not of it, and why.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut database = Self::default();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line).map_err(|error| (at + 1, error.to_string()))? {
                Line::Advisory(advisory) => drop(database.advisories.insert(advisory)),
                Line::Exploited(id) => drop(database.exploited.insert(id)),
                Line::Option(id, option) => drop(database.options.insert((id, option))),
            }
        }
        Ok(database)
    }

    /// The stored form: JSON lines, in order.
    ///
    /// # Errors
    /// A value that JSON cannot hold; there is none.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        let advisories = self.advisories.iter().cloned().map(Line::Advisory);
        let exploited = self.exploited.iter().cloned().map(Line::Exploited);
        let options =
            self.options.iter().map(|(id, option)| Line::Option(id.clone(), option.clone()));
        let mut text = String::new();
        for line in advisories.chain(exploited).chain(options) {
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        Ok(text)
    }

    /// Adds what another one has.
    pub fn merge(&mut self, other: Self) {
        self.advisories.extend(other.advisories);
        self.exploited.extend(other.exploited);
        self.options.extend(other.options);
    }
}
