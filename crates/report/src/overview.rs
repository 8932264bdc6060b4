// SPDX-License-Identifier: Apache-2.0
//! What every renderer says first: what the image is, and how many findings of which severity.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{
    Digest, ElfFacts, ElfRole, Facts, FileRef, Finding, KernelFacts, Observed, Severity, StartUp,
};

/// Facts seen as a whole.
pub(crate) struct Overview<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) findings: &'a [Finding],
    /// ELF files by content.
    pub(crate) elves: BTreeMap<Digest, &'a ElfFacts>,
    /// Programs that start at boot, by place.
    pub(crate) boot: BTreeSet<&'a FileRef>,
    pub(crate) files: usize,
}

/// What an image is, as far as the facts tell; each part may be missing.
pub(crate) struct Identity {
    pub(crate) vendor: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) machine: Option<String>,
    pub(crate) libc: Option<String>,
    pub(crate) roots: Vec<String>,
}

impl<'a> Overview<'a> {
    pub(crate) fn new(facts: &'a Facts, findings: &'a [Finding]) -> Self {
        Self {
            facts,
            findings,
            elves: facts.elves().map(|elf| (elf.digest, &elf.facts)).collect(),
            boot: facts.start_ups().filter_map(|start| start.program.as_ref()).collect(),
            files: facts.files().count(),
        }
    }

    /// Number of findings of a severity.
    pub(crate) fn of_severity(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Services that are known to listen after boot.
    pub(crate) fn listening(&self) -> Vec<String> {
        let listeners = self.facts.listeners().filter(|it| it.starts_at_boot.is_present());
        let names: BTreeSet<String> = listeners
            .map(|it| match &it.port {
                Some(port) => format!("{} ({port})", it.service),
                None => it.service.clone(),
            })
            .collect();
        names.into_iter().collect()
    }

    /// Distinct programs among what starts at boot, by the name that people know them by.
    pub(crate) fn boot_names(&self) -> Vec<String> {
        let names: BTreeSet<String> = self.facts.start_ups().map(name_of).collect();
        names.into_iter().collect()
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            vendor: self.vendor(),
            kernel: self.main_kernel().map(|kernel| format!("Linux {}", kernel.release)),
            machine: self.machine(),
            libc: self.most_common(|elf| {
                let libc = elf.libc.observed.present()?;
                let version = libc.version.as_deref().unwrap_or_default();
                Some(format!("{} {version}", libc.family).trim_end().to_owned())
            }),
            roots: self.roots(),
        }
    }

    /// The kernel that tells most of itself.
    pub(crate) fn main_kernel(&self) -> Option<&'a KernelFacts> {
        let kernels = self.facts.kernels().map(|kernel| &kernel.facts);
        kernels.max_by_key(|kernel| (kernel.options.len(), std::cmp::Reverse(&kernel.release)))
    }

    /// The heaviest mark of each of the three vendors with most marks.
    fn vendor(&self) -> Option<String> {
        let mut vendors: BTreeMap<&str, (u32, u8, &str)> = BTreeMap::new();
        for mark in self.facts.sdk_marks() {
            let (sum, heaviest, family) = vendors.entry(&mark.vendor).or_default();
            *sum = sum.saturating_add(u32::from(mark.weight));
            if let Some(own) = mark.family.as_deref().filter(|_| mark.weight > *heaviest) {
                (*heaviest, *family) = (mark.weight, own);
            }
        }
        let mut vendors: Vec<_> = vendors.into_iter().collect();
        vendors.sort_by_key(|(name, (sum, ..))| (std::cmp::Reverse(*sum), *name));
        let names = vendors.iter().take(3);
        let names =
            names.map(|(name, (.., family))| format!("{name} {family}").trim_end().to_owned());
        Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
    }

    /// What starts at boot in one line: services where any are told, and how many programs.
    pub(crate) fn boot_summary(&self) -> String {
        const MOST: usize = 14;
        let services = self.facts.start_ups().filter(|start| start.service).map(name_of);
        let services: BTreeSet<String> = services.collect();
        let all = self.boot_names();
        let shown: Vec<String> =
            if services.is_empty() { all.clone() } else { services.into_iter().collect() };
        let names = shown.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
        match all.len().saturating_sub(shown.len().min(MOST)) {
            0 => names,
            rest => format!("{names} and {rest} more"),
        }
    }

    fn machine(&self) -> Option<String> {
        let of_programs = self.most_common(|elf| {
            let programs = matches!(elf.role, ElfRole::Executable | ElfRole::Library);
            let order = match elf.endian {
                kakoi_model::Endian::Big => "big-endian",
                kakoi_model::Endian::Little => "little-endian",
            };
            programs.then(|| format!("{} {}-bit {order}", elf.machine, elf.bits))
        });
        of_programs.or_else(|| self.main_kernel()?.machine.present().cloned())
    }

    fn most_common(&self, key: impl Fn(&ElfFacts) -> Option<String>) -> Option<String> {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for elf in self.elves.values() {
            if let Some(name) = key(elf) {
                let count = counts.entry(name).or_default();
                *count = count.saturating_add(1);
            }
        }
        counts
            .into_iter()
            .max_by_key(|(name, count)| (*count, std::cmp::Reverse(name.clone())))
            .map(|it| it.0)
    }

    fn roots(&self) -> Vec<String> {
        let roots = self.facts.containers().filter(|container| container.root);
        roots
            .map(|root| match root.attributes.get("compression") {
                Some(compression) => {
                    format!("{} ({compression}, {} entries)", root.format, root.entries)
                }
                None => format!("{} ({} entries)", root.format, root.entries),
            })
            .collect()
    }
}

/// The applet, or the last part of the command.
pub(crate) fn name_of(start: &StartUp) -> String {
    let command = start.command.rsplit('/').next().unwrap_or_default();
    start.applet.clone().unwrap_or_else(|| command.to_owned())
}

/// Findings of one rule and severity, together.
pub(crate) struct Group<'a> {
    pub(crate) severity: Severity,
    pub(crate) rule: &'a str,
    pub(crate) findings: Vec<&'a Finding>,
}

/// Findings by severity and rule, worst first; within a severity, what starts at boot first.
pub(crate) fn group(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<(std::cmp::Reverse<Severity>, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (std::cmp::Reverse(finding.severity), finding.rule.as_ref());
        groups.entry(key).or_default().push(finding);
    }
    let mut ordered = Vec::with_capacity(groups.len());
    for ((severity, rule), mut findings) in groups {
        findings.sort_by_key(|finding| (!finding.starts_at_boot, &finding.subject));
        ordered.push(Group { severity: severity.0, rule, findings });
    }
    ordered
}

/// Present, absent or undetermined, in words.
pub(crate) fn state<T>(value: &Observed<T>) -> &'static str {
    match value {
        Observed::Present(_) => "yes",
        Observed::Absent => "no",
        Observed::Undetermined(_) => "undetermined",
    }
}
