// SPDX-License-Identifier: Apache-2.0
//! Verdicts on hardening options, which know when and where an option exists.

use std::collections::BTreeMap;

use kakoi_model::{
    ConfigSource, HardeningVerdict, KernelHardening, KernelOption, KernelVersion, Observed,
};

use super::options::{OptionRule, arch_words, names_arch, options};

/// One verdict for each option of the table, in its order.
pub(super) fn derive_hardening(
    found: &BTreeMap<String, KernelOption>,
    source: ConfigSource,
    version: KernelVersion,
    machine: Option<&str>,
) -> Vec<KernelHardening> {
    options()
        .iter()
        .map(|rule| KernelHardening {
            option: rule.name.clone(),
            wanted: rule.wanted.clone(),
            purpose: rule.purpose.clone(),
            verdict: judge(rule, found.get(&rule.name), source, version, machine),
        })
        .collect()
}

fn judge(
    rule: &OptionRule,
    found: Option<&KernelOption>,
    source: ConfigSource,
    version: KernelVersion,
    machine: Option<&str>,
) -> HardeningVerdict {
    // What the kernel itself says counts more than the table: vendors take options over early.
    match found.map(|option| &option.value) {
        Some(Observed::Present(value)) => return weigh(&rule.wanted, value),
        Some(Observed::Absent) => return weigh(&rule.wanted, "n"),
        _ => {}
    }
    if let Some(missing) = missing(rule, version, machine) {
        return missing;
    }
    if source == ConfigSource::Inferred {
        let reason = "the kernel carries no configuration, and nothing in it tells of this option";
        return HardeningVerdict::Undetermined { reason: reason.to_owned() };
    }
    if machine.is_none() && (!rule.archs.is_empty() || !rule.arch_since.is_empty()) {
        let reason = "the architecture is not known, and not every one has this option";
        return HardeningVerdict::Undetermined { reason: reason.to_owned() };
    }
    // A full configuration that does not name an option: something that it depends on is off.
    weigh(&rule.wanted, "n")
}

/// Why this kernel cannot have the option, if it cannot.
fn missing(
    rule: &OptionRule,
    version: KernelVersion,
    machine: Option<&str>,
) -> Option<HardeningVerdict> {
    if machine.is_some_and(|machine| !names_arch(&rule.archs, machine)) {
        return Some(HardeningVerdict::NotOnArchitecture);
    }
    let (since, until) = range(rule, machine);
    if version >= since && until.is_none_or(|until| version < until) {
        return None;
    }
    let early = rule.maybe_since.is_some_and(|maybe| version >= maybe.0 && version < since);
    let late = rule.maybe_until.is_some_and(|maybe| version < maybe.0 && version >= since);
    if early || late {
        let reason = "only some releases of this version have the option";
        return Some(HardeningVerdict::Undetermined { reason: reason.to_owned() });
    }
    Some(HardeningVerdict::NotInVersion {
        exists: match until {
            Some(until) => format!("{since} up to before {until}"),
            None => format!("{since} and later"),
        },
    })
}

/// First version with the option on this machine, and first version without it again.
fn range(rule: &OptionRule, machine: Option<&str>) -> (KernelVersion, Option<KernelVersion>) {
    let words = machine.map(arch_words).unwrap_or_default();
    let on_arch = words.iter().filter_map(|word| rule.arch_since.get(*word)).max();
    let since = on_arch.map_or(rule.since, |arch| rule.since.max(*arch)).0;
    let ends = words.iter().filter_map(|word| rule.arch_until.get(*word)).chain(&rule.until);
    (since, ends.min().map(|until| until.0))
}

fn weigh(wanted: &str, value: &str) -> HardeningVerdict {
    let met = match wanted.strip_prefix(">=").and_then(|least| least.parse::<u64>().ok()) {
        Some(least) => value.parse::<u64>().is_ok_and(|value| value >= least),
        None if wanted == "y" => value == "y",
        None => value == wanted,
    };
    if met { HardeningVerdict::Met } else { HardeningVerdict::NotMet { found: value.to_owned() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, version: KernelVersion, machine: &str) -> HardeningVerdict {
        let all =
            derive_hardening(&BTreeMap::new(), ConfigSource::Ikconfig, version, Some(machine));
        all.into_iter().find(|one| one.option == name).unwrap().verdict
    }

    #[test]
    fn an_option_is_not_demanded_where_it_does_not_exist() {
        let old = KernelVersion(2, 6, 31);
        assert!(
            matches!(verdict("SECCOMP_FILTER", old, "mips"), HardeningVerdict::NotInVersion { exists } if exists.starts_with("3.16"))
        );
        assert_eq!(
            verdict("STRICT_KERNEL_RWX", KernelVersion(6, 1, 0), "mips"),
            HardeningVerdict::NotOnArchitecture
        );
        assert_eq!(
            verdict("ARM64_PAN", KernelVersion(6, 1, 0), "powerpc"),
            HardeningVerdict::NotOnArchitecture
        );
        assert_eq!(
            verdict("STACKPROTECTOR", KernelVersion(5, 10, 0), "mips"),
            HardeningVerdict::NotMet { found: "n".into() }
        );
        assert!(matches!(
            verdict("REFCOUNT_FULL", KernelVersion(5, 10, 0), "arm"),
            HardeningVerdict::NotInVersion { .. }
        ));
        assert_eq!(verdict("DEVKMEM", KernelVersion(5, 10, 0), "arm"), HardeningVerdict::Met);
    }
}
