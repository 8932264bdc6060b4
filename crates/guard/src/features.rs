// SPDX-License-Identifier: Apache-2.0
//! What this kernel is and has, as far as it can be read; whether programs can be attached is only
//! known after attaching one.

use std::fs;

use libbpf_rs::btf::{Btf, BtfType, types};

use crate::hooks::function_of;

/// How programs are tied to hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As LSM programs: `bpf` is in the list of LSMs.
    Lsm,
    /// As `fmod_ret` programs on the functions `security_*`.
    ModifyReturn,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Features {
    /// Release of the kernel.
    pub release: String,
    /// Machine: `x86_64`, `aarch64`.
    pub machine: String,
    /// The list of LSMs, if it can be read.
    pub lsms: Option<String>,
    /// Types of the kernel are there (`CONFIG_DEBUG_INFO_BTF`).
    pub btf: bool,
    /// Storage with tasks (5.11).
    pub task_storage: bool,
    /// Argument vectors can be looked up through page tables.
    pub page_walk: bool,
    /// Preemption that may interrupt a program (`PREEMPT`, not voluntary).
    pub preemptible: bool,
    /// Size of a page, bytes.
    pub page_size: u64,
}

/// What the object must know before it is loaded: `struct guard_config` of bpf/maps.h.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// `page_levels`
    pub(crate) page_levels: u32,
    /// `direct_base`
    pub(crate) direct_base: u64,
    /// `direct_symbol`
    pub(crate) direct_symbol: u64,
    /// `idmap_setattr`
    pub(crate) idmap_setattr: bool,
    /// `idmap_setxattr`
    pub(crate) idmap_setxattr: bool,
    /// `rename_flags`
    pub(crate) rename_flags: bool,
}

impl Features {
    /// Looks at the running kernel.
    #[must_use]
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let machine = std::env::consts::ARCH.to_owned();
        let page_size = page_size().unwrap_or(4096);
        let config = direct_map(&machine, page_size);
        Self {
            task_storage: version(&release) >= (5, 11),
            btf: fs::metadata("/sys/kernel/btf/vmlinux").is_ok(),
            lsms: read("/sys/kernel/security/lsm"),
            preemptible: is_preemptible(&read("/proc/sys/kernel/version").unwrap_or_default()),
            page_walk: config.page_levels != 0,
            release,
            machine,
            page_size,
        }
    }

    /// How programs would be tied.
    #[must_use]
    pub fn way(&self) -> Way {
        let listed =
            self.lsms.as_deref().is_some_and(|list| list.split(',').any(|name| name == "bpf"));
        if listed { Way::Lsm } else { Way::ModifyReturn }
    }
}

/// Facts for the object, from the types of the kernel.
#[must_use]
pub(crate) fn config(features: &Features) -> Config {
    let mut config = direct_map(&features.machine, features.page_size);
    if let Ok(btf) = Btf::from_vmlinux() {
        config.idmap_setattr = parameters(&btf, "inode_setattr").is_some_and(|count| count > 2);
        config.idmap_setxattr = parameters(&btf, "inode_setxattr").is_some_and(|count| count > 5);
        config.rename_flags = parameters(&btf, "path_rename").is_some_and(|count| count > 4);
    }
    config
}

/// The hooks that this kernel has, among those named.
#[must_use]
pub(crate) fn hooks_of_kernel<'a>(names: &[&'a str], way: Way) -> Vec<&'a str> {
    let Ok(btf) = Btf::from_vmlinux() else { return Vec::new() };
    let exists = |name: &&&str| {
        let function = match way {
            Way::Lsm => format!("bpf_lsm_{name}"),
            Way::ModifyReturn => function_of(name),
        };
        btf.type_by_name::<types::Func<'_>>(&function).is_some()
    };
    names.iter().filter(exists).copied().collect()
}

fn parameters(btf: &Btf<'_>, hook: &str) -> Option<usize> {
    let function = btf.type_by_name::<types::Func<'_>>(&format!("bpf_lsm_{hook}"))?;
    let prototype: BtfType<'_> = function.next_type()?;
    types::FuncProto::try_from(prototype).ok().map(|prototype| prototype.iter().count())
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// `PREEMPT_DYNAMIC` starts as voluntary unless told otherwise.
fn is_preemptible(version: &str) -> bool {
    let told = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    version.split_whitespace().any(|word| word == "PREEMPT" || word == "PREEMPT_RT")
        || (version.contains("PREEMPT_DYNAMIC") && told.contains("preempt=full"))
}

/// `AT_PAGESZ` of the auxiliary vector.
fn page_size() -> Option<u64> {
    const AT_PAGESZ: u64 = 6;
    let bytes = fs::read("/proc/self/auxv").ok()?;
    bytes.chunks_exact(16).find_map(|pair| {
        let (key, value) = pair.split_at(8);
        let key = u64::from_ne_bytes(key.try_into().ok()?);
        (key == AT_PAGESZ).then_some(u64::from_ne_bytes(value.try_into().ok()?))
    })
}

/// How physical memory is found in kernel addresses; no levels when it cannot be told.
fn direct_map(machine: &str, page_size: u64) -> Config {
    let none = Config::default();
    if page_size != 4096 {
        return none;
    }
    match machine {
        "x86_64" => match symbols(&["page_offset_base"]).as_slice() {
            [Some(symbol)] => Config { page_levels: 5, direct_symbol: *symbol, ..none },
            _ => none,
        },
        "aarch64" => match symbols(&["memstart_addr", "_text"]).as_slice() {
            [Some(symbol), Some(text)] => {
                // With pages of 4 KiB addresses have 39 bits or 48 (also where 52 could be had). The image
                // lies somewhere in the upper half of them.
                let bits: u32 = if text.leading_ones() >= 25 { 39 } else { 48 };
                let page_levels = (bits - 12).div_ceil(9);
                Config {
                    page_levels,
                    direct_symbol: *symbol,
                    direct_base: u64::MAX << bits,
                    ..none
                }
            }
            _ => none,
        },
        _ => none,
    }
}

/// Addresses by /proc/kallsyms; hidden ones (0) count as absent.
fn symbols(names: &[&str]) -> Vec<Option<u64>> {
    let text = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    let mut found = vec![None; names.len()];
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(address), Some(_), Some(name)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if let Some(place) = names.iter().position(|wanted| *wanted == name)
            && let Some(slot) = found.get_mut(place)
        {
            *slot = u64::from_str_radix(address, 16).ok().filter(|address| *address != 0);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(version("6.12.117+deb12-cloud-amd64"), (6, 12));
        assert!(version("5.10.0-32-amd64") < (5, 11));
    }

    #[test]
    fn only_full_preemption_interrupts_programs() {
        assert!(!is_preemptible("#1 SMP PREEMPT_DYNAMIC Debian 6.12"));
        assert!(is_preemptible("#1 SMP PREEMPT Debian"));
        assert!(is_preemptible("#1 SMP PREEMPT_RT Debian"));
    }
}
