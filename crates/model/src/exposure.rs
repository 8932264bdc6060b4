// SPDX-License-Identifier: Apache-2.0
//! How an image stands to a known vulnerability.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// One vulnerability and one component of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exposure {
    /// `CVE-2021-28831`.
    pub id: String,
    /// Name of the component.
    pub component: String,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// Package URL of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// CPE of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpe: Option<String>,
    /// Contents that are the component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// What the version alone says.
    pub by_version: ByVersion,
    /// What all evidence says.
    pub verdict: ExposureVerdict,
    /// What the verdict rests on, sentences.
    pub evidence: Vec<String>,
    /// Is it known to be exploited?
    pub exploited: bool,
    /// Who can fix it (requirement B-3).
    pub party: Party,
    /// First line of the description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// What a version alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByVersion {
    /// It lies in an affected range.
    Affected,
    /// It is that of a fix, or later.
    Fixed,
    /// It is not known.
    Unknown,
}

/// What all evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExposureVerdict {
    /// The code is the one before the fix.
    Vulnerable,
    /// The version is that of the fix, or later.
    FixedByVersion,
    /// The version is an affected one; the code is the one after the fix.
    FixedByBackport,
    /// What the vulnerability needs is not configured.
    NotApplicableByConfiguration,
    /// The evidence does not tell.
    Unknown,
}

impl ExposureVerdict {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerable => "vulnerable",
            Self::FixedByVersion => "fixed-by-version",
            Self::FixedByBackport => "fixed-by-backport",
            Self::NotApplicableByConfiguration => "not-applicable-by-configuration",
            Self::Unknown => "unknown",
        }
    }
}

/// Who can fix something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The project: there is no fix yet.
    Upstream,
    /// Whoever made the kit of the chip: the kernel and drivers come from there.
    ChipVendor,
    /// Whoever sells the device: the fix exists and is not in.
    DeviceVendor,
}

impl Party {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream project",
            Self::ChipVendor => "chip vendor (kit)",
            Self::DeviceVendor => "device vendor",
        }
    }
}
