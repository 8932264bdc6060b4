// SPDX-License-Identifier: Apache-2.0
//! Facts about a Linux kernel, its configuration and its security modules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Evidence, Observed};

/// What one kernel content says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelFacts {
    /// `Linux version …`, one line, escaped.
    pub banner: String,
    /// Release from the banner: `2.6.31--LSDK-9.2.0.312`.
    pub release: String,
    /// First three numbers of the release.
    pub version: KernelVersion,
    /// Compiler from the banner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// Build date from the banner, as written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<String>,
    /// Machine, in the words of [`crate::ElfFacts::machine`], with evidence.
    pub machine: Observed<String>,
    /// Configuration, by normalised option name without `CONFIG_`.
    pub options: BTreeMap<String, KernelOption>,
    /// Where the configuration comes from.
    pub config_source: ConfigSource,
    /// Number of symbols read from kallsyms, where it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kallsyms: Option<u32>,
    /// Built-in or default command line, where it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// Verdicts on hardening options that exist in this version on this machine.
    pub hardening: Vec<KernelHardening>,
    /// Linux security modules.
    pub lsm: Vec<LsmState>,
    /// Where the banner and the rest were seen.
    pub evidence: Vec<Evidence>,
}

/// First three numbers of a kernel release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KernelVersion(pub u16, pub u16, pub u16);

impl std::fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Where a configuration was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigSource {
    /// `CONFIG_IKCONFIG`: the kernel carries its own `.config`.
    Ikconfig,
    /// A `.config` beside it: in a source archive, in `/boot` or `/proc/config.gz`.
    ConfigFile,
    /// Symbols and strings of the kernel and its modules.
    Inferred,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelOption {
    /// `y`, `m`, a number or a string for present; absent for `is not set`.
    pub value: Observed<String>,
    /// The name under which it was found, where a rename was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_as: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
    /// For inferred options: the symbol, string or module that told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
}

/// Verdict on one hardening option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelHardening {
    /// Normalised option name.
    pub option: String,
    /// The value that would be safer: `y`, `n`, or a number.
    pub wanted: String,
    /// What the option does, one line.
    pub purpose: String,
    /// Result.
    pub verdict: HardeningVerdict,
}

/// How a kernel stands to one hardening option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum HardeningVerdict {
    /// As wanted.
    Met,
    /// Not as wanted, although this kernel could.
    NotMet {
        /// The value found.
        found: String,
    },
    /// This version does not have the option yet, or no longer.
    NotInVersion {
        /// Versions that have it.
        exists: String,
    },
    /// This architecture does not have it.
    NotOnArchitecture,
    /// The image does not tell.
    Undetermined {
        /// Why.
        reason: String,
    },
}

/// One Linux security module, in four steps (requirement A-6). *Compiled* alone is not *used*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LsmState {
    /// `selinux`, `apparmor`, `smack`, `tomoyo`, `yama`, `landlock`, `bpf`, `lockdown`, `loadpin`,
    /// `integrity`, `capability`.
    pub name: String,
    /// In the kernel.
    pub compiled: Observed<()>,
    /// Active after boot: `CONFIG_LSM`, `CONFIG_DEFAULT_SECURITY`, `security=`, `lsm=`.
    pub enabled: Observed<()>,
    /// A policy is in the image. Absent for modules that need none.
    pub policy_present: Observed<()>,
    /// Start-up loads it.
    pub policy_loaded: Observed<()>,
    /// What the four rest on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Does a defence of kakoi fit this image (requirement X-1)?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendFit {
    /// `bpf-lsm`, `kernel-module`, `seccomp`.
    pub backend: String,
    /// Verdict.
    pub fit: Fit,
    /// The conditions that were weighed, each with what was found.
    pub conditions: Vec<FitCondition>,
}

/// Verdict on one backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// All conditions hold.
    Possible,
    /// One does not.
    NotPossible,
    /// One is not known, and none is known to fail.
    Undetermined,
}

/// One condition of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitCondition {
    /// `kernel 5.7 or later`, `CONFIG_MODULES`.
    pub condition: String,
    /// Does it hold?
    pub holds: Observed<()>,
    /// What it rests on.
    pub because: String,
}
