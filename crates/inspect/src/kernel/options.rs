// SPDX-License-Identifier: Apache-2.0
//! The table of options (`rules/kernel-options.toml`): when and where each exists, what it was
//! called before, what would be safer; and what tells of it in a kernel (`rules/kernel-witnesses.toml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kakoi_model::KernelVersion;
use serde::{Deserialize, Deserializer, de};

/// A version that a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Since(pub(super) KernelVersion);

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::banner::parse_version(&text)
            .map(Since)
            .ok_or_else(|| de::Error::custom("a version is two or three numbers"))
    }
}

/// An earlier name of an option.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) before: Since,
}

/// One option.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct OptionRule {
    pub(super) name: String,
    pub(super) wanted: String,
    pub(super) since: Since,
    #[serde(default)]
    pub(super) until: Option<Since>,
    #[serde(default)]
    pub(super) archs: Vec<String>,
    #[serde(default)]
    pub(super) arch_since: BTreeMap<String, Since>,
    #[serde(default)]
    pub(super) arch_until: BTreeMap<String, Since>,
    #[serde(default)]
    pub(super) maybe_since: Option<Since>,
    #[serde(default)]
    pub(super) maybe_until: Option<Since>,
    pub(super) purpose: String,
    #[serde(rename = "source")]
    _source: String,
}

/// What tells of an option in a kernel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Witness {
    pub(super) option: String,
    /// The value that the witness proves.
    #[serde(default = "yes")]
    pub(super) value: String,
    /// Functions; one of them suffices.
    #[serde(default)]
    pub(super) any: Vec<String>,
    /// Whole texts, zero at both ends; one of them suffices.
    #[serde(default)]
    pub(super) text: Vec<String>,
    /// First version for which the witness counts.
    #[serde(default)]
    pub(super) since: Option<Since>,
    /// First version for which it no longer counts.
    #[serde(default)]
    pub(super) until: Option<Since>,
    /// From this version on, a complete symbol table without any of `any` means *not set*.
    #[serde(default)]
    pub(super) none_since: Option<Since>,
    /// Up to this version.
    #[serde(default)]
    pub(super) none_until: Option<Since>,
    #[serde(default)]
    pub(super) archs: Vec<String>,
}

fn yes() -> String {
    "y".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionFile {
    rename: Vec<Rename>,
    option: Vec<OptionRule>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessFile {
    witness: Vec<Witness>,
    module: BTreeMap<String, String>,
}

// The files are part of the program, and a test reads them: an empty table cannot be shipped.
static OPTIONS: LazyLock<OptionFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../../rules/kernel-options.toml")).unwrap_or_default()
});
static WITNESSES: LazyLock<WitnessFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../../rules/kernel-witnesses.toml")).unwrap_or_default()
});

/// All hardening options, in the order of the table.
pub(super) fn options() -> &'static [OptionRule] {
    &OPTIONS.option
}

/// All witnesses, in the order of the table.
pub(super) fn witnesses() -> &'static [Witness] {
    &WITNESSES.witness
}

/// The option that builds a module, by the module's name with `_` for `-`.
pub(super) fn option_of_module(module: &str) -> Option<&'static str> {
    WITNESSES.module.get(module).map(String::as_str)
}

/// The name under which an option is kept, following renames of renames.
pub(super) fn normalised(name: &str, version: Option<KernelVersion>) -> &str {
    let mut name = name;
    for _ in 0..4 {
        let rename = OPTIONS
            .rename
            .iter()
            .find(|rename| rename.from == name && version.is_none_or(|v| v < rename.before.0));
        let Some(rename) = rename else { break };
        name = &rename.to;
    }
    name
}

/// The words of the tables that a machine of `ElfFacts` goes by.
pub(super) fn arch_words(machine: &str) -> Vec<&str> {
    match machine {
        "x86-64" => vec!["x86", "x86-64"],
        "i386" => vec!["x86", "i386"],
        "aarch64" => vec!["arm64"],
        "powerpc" => vec!["powerpc", "powerpc32"],
        "powerpc64" => vec!["powerpc", "powerpc64"],
        other => vec![other],
    }
}

/// Does a list of architectures, which may be empty for all, name this machine?
pub(super) fn names_arch(archs: &[String], machine: &str) -> bool {
    archs.is_empty() || arch_words(machine).iter().any(|word| archs.iter().any(|arch| arch == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_and_every_option_is_there_once() {
        toml::from_str::<OptionFile>(include_str!("../../../../rules/kernel-options.toml"))
            .unwrap();
        toml::from_str::<WitnessFile>(include_str!("../../../../rules/kernel-witnesses.toml"))
            .unwrap();
        assert!(options().len() >= 90);
        let mut names: Vec<_> = options().iter().map(|option| &option.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), options().len());
        for option in options() {
            assert!(option.until.is_none_or(|until| option.since < until), "{}", option.name);
            assert!(
                ["y", "n"].contains(&option.wanted.as_str()) || option.wanted.starts_with(">=")
            );
        }
    }

    #[test]
    fn old_names_become_new_ones_in_the_versions_that_had_them() {
        let old = Some(KernelVersion(4, 4, 0));
        let new = Some(KernelVersion(4, 18, 0));
        assert_eq!(normalised("DEBUG_RODATA", old), "STRICT_KERNEL_RWX");
        assert_eq!(normalised("CC_STACKPROTECTOR_STRONG", old), "STACKPROTECTOR_STRONG");
        assert_eq!(normalised("CC_STACKPROTECTOR", new), "CC_STACKPROTECTOR");
        assert_eq!(normalised("X86_INTEL_UMIP", Some(KernelVersion(4, 15, 0))), "X86_UMIP");
    }
}
