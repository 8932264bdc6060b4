// SPDX-License-Identifier: Apache-2.0
//! Third-party software in an image.

use serde::{Deserialize, Serialize};

use crate::{Digest, Evidence, FileRef, Observed};

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Name in the rules file or package database: `busybox`.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
    /// Version, as the component writes it.
    pub version: Observed<String>,
    /// Who makes it, for CPE: `busybox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// SPDX licence expression, where the package database or the rules file tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// CPE 2.3 formatted string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Name of the upstream project among the rules, where a package bears another name:
    /// `openssl` for the package `libssl1.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Names of the packages that it needs, as its package database says, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<String>,
    /// Files that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRef>,
    /// Digests of those files, in the same order, deduplicated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// How it was recognised.
    pub source: ComponentSource,
    /// What it was recognised by.
    pub evidence: Vec<Evidence>,
}

/// Kinds of components, in the words of CycloneDX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// A program.
    Application,
    /// A library.
    Library,
    /// A kernel or distribution.
    OperatingSystem,
    /// A boot loader or radio firmware.
    Firmware,
    /// A kernel module.
    DeviceDriver,
}

/// How a component was recognised, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentSource {
    /// An entry of a package database.
    PackageDatabase,
    /// A version string inside the file.
    VersionString,
    /// Exported symbols.
    Symbols,
    /// A file or library name.
    FileName,
}
