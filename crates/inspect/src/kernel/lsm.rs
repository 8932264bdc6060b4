// SPDX-License-Identifier: Apache-2.0
//! Linux security modules in four steps: compiled, active after boot, policy in the image, policy
//! loaded. *Compiled* alone does not protect anything.

use std::collections::BTreeMap;

use kakoi_model::{ConfigSource, Evidence, KernelOption, KernelVersion, LsmState, Observed};

use super::command_line::values;

/// One security module.
struct Module {
    name: &'static str,
    /// Names in `lsm=`, which may differ.
    order: &'static [&'static str],
    option: &'static str,
    /// First mainline version that has it.
    since: KernelVersion,
    kind: Kind,
}

/// How a module comes to act.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One of those of which only one was active at a time before 5.1; needs a policy.
    Major,
    /// Stacks; acts without a policy file.
    Minor,
    /// Stacks; acts only on what programs ask for themselves or load.
    OnRequest,
}

const MODULES: [Module; 10] = [
    Module {
        name: "selinux",
        order: &["selinux"],
        option: "SECURITY_SELINUX",
        since: KernelVersion(2, 6, 0),
        kind: Kind::Major,
    },
    Module {
        name: "apparmor",
        order: &["apparmor"],
        option: "SECURITY_APPARMOR",
        since: KernelVersion(2, 6, 36),
        kind: Kind::Major,
    },
    Module {
        name: "smack",
        order: &["smack"],
        option: "SECURITY_SMACK",
        since: KernelVersion(2, 6, 25),
        kind: Kind::Major,
    },
    Module {
        name: "tomoyo",
        order: &["tomoyo"],
        option: "SECURITY_TOMOYO",
        since: KernelVersion(2, 6, 30),
        kind: Kind::Major,
    },
    Module {
        name: "yama",
        order: &["yama"],
        option: "SECURITY_YAMA",
        since: KernelVersion(3, 4, 0),
        kind: Kind::Minor,
    },
    Module {
        name: "landlock",
        order: &["landlock"],
        option: "SECURITY_LANDLOCK",
        since: KernelVersion(5, 13, 0),
        kind: Kind::OnRequest,
    },
    Module {
        name: "bpf",
        order: &["bpf"],
        option: "BPF_LSM",
        since: KernelVersion(5, 7, 0),
        kind: Kind::OnRequest,
    },
    Module {
        name: "lockdown",
        order: &["lockdown"],
        option: "SECURITY_LOCKDOWN_LSM",
        since: KernelVersion(5, 4, 0),
        kind: Kind::Minor,
    },
    Module {
        name: "loadpin",
        order: &["loadpin"],
        option: "SECURITY_LOADPIN",
        since: KernelVersion(4, 7, 0),
        kind: Kind::Minor,
    },
    Module {
        name: "integrity",
        order: &["integrity", "ima", "evm"],
        option: "IMA",
        since: KernelVersion(2, 6, 30),
        kind: Kind::OnRequest,
    },
];

/// What is known of a kernel before its image is looked at.
pub(super) struct Kernel<'a> {
    pub(super) options: &'a BTreeMap<String, KernelOption>,
    pub(super) source: ConfigSource,
    pub(super) version: KernelVersion,
    pub(super) command_line: Option<&'a str>,
}

/// The state of each module as far as the kernel alone tells. Policies are the image's matter.
pub(super) fn derive_lsm(kernel: &Kernel<'_>) -> Vec<LsmState> {
    MODULES.iter().map(|module| state(module, kernel)).collect()
}

/// Does this module do anything without a policy?
pub(super) fn needs_policy(name: &str) -> bool {
    MODULES.iter().any(|module| module.name == name && module.kind == Kind::Major)
}

fn state(module: &Module, kernel: &Kernel<'_>) -> LsmState {
    let mut evidence = Vec::new();
    let compiled = compiled(module, kernel, &mut evidence);
    let enabled = match compiled {
        Observed::Absent => Observed::Absent,
        _ => enabled(module, kernel, &compiled, &mut evidence),
    };
    let policy = || {
        if module.kind != Kind::Major || compiled.is_absent() {
            Observed::Absent
        } else {
            Observed::undetermined("no-root", "no root file system was looked at")
        }
    };
    LsmState {
        name: module.name.to_owned(),
        policy_present: policy(),
        policy_loaded: policy(),
        compiled,
        enabled,
        evidence,
    }
}

fn compiled(module: &Module, kernel: &Kernel<'_>, evidence: &mut Vec<Evidence>) -> Observed<()> {
    let option = kernel.options.get(module.option);
    if let Some(option) = option {
        let witness = option.witness.clone().unwrap_or_else(|| "configuration".to_owned());
        evidence.push(Evidence::new(format!("CONFIG_{}: {witness}", module.option)));
    }
    match option.map(|option| &option.value) {
        Some(Observed::Present(_)) => Observed::Present(()),
        Some(Observed::Absent) => Observed::Absent,
        Some(Observed::Undetermined(reason)) => Observed::Undetermined(reason.clone()),
        None if kernel.source != ConfigSource::Inferred => Observed::Absent,
        None if kernel.version < module.since => Observed::Absent,
        None => Observed::undetermined("not-seen", "nothing in the kernel tells of it"),
    }
}

fn enabled(
    module: &Module,
    kernel: &Kernel<'_>,
    compiled: &Observed<()>,
    evidence: &mut Vec<Evidence>,
) -> Observed<()> {
    let line = kernel.command_line.unwrap_or_default();
    if let Some(decided) = from_command_line(module, line, evidence) {
        return decided;
    }
    if let Some(reason) = compiled_reason(compiled) {
        return reason;
    }
    if kernel.version >= KernelVersion(5, 1, 0) {
        return from_order(module, kernel, evidence);
    }
    if module.kind != Kind::Major {
        return Observed::Present(());
    }
    let default = kernel.options.get("DEFAULT_SECURITY").and_then(|option| option.value.present());
    match default {
        Some(name) => {
            evidence.push(Evidence::new(format!("CONFIG_DEFAULT_SECURITY={name}")));
            if name == module.name { Observed::Present(()) } else { Observed::Absent }
        }
        None => only_one(module, kernel),
    }
}

fn compiled_reason(compiled: &Observed<()>) -> Option<Observed<()>> {
    match compiled {
        Observed::Undetermined(reason) => Some(Observed::Undetermined(reason.clone())),
        _ => None,
    }
}

fn from_command_line(
    module: &Module,
    line: &str,
    evidence: &mut Vec<Evidence>,
) -> Option<Observed<()>> {
    let mut say = |what: String, on: bool| {
        evidence.push(Evidence::new(format!("command line {what}")));
        Some(if on { Observed::Present(()) } else { Observed::Absent })
    };
    if values(line, module.name).last() == Some("0") {
        return say(format!("{}=0", module.name), false);
    }
    if let Some(order) = values(line, "lsm").last() {
        let on = order.split(',').any(|name| module.order.contains(&name));
        return say(format!("lsm={order}"), on);
    }
    let chosen = values(line, "security").last().filter(|_| module.kind == Kind::Major)?;
    say(format!("security={chosen}"), chosen == module.name)
}

/// `CONFIG_LSM` (5.1 and later).
fn from_order(module: &Module, kernel: &Kernel<'_>, evidence: &mut Vec<Evidence>) -> Observed<()> {
    let Some(order) = kernel.options.get("LSM").and_then(|option| option.value.present()) else {
        return Observed::undetermined("no-order", "the list of active modules was not found");
    };
    evidence.push(Evidence::new(format!("CONFIG_LSM={order}")));
    let listed = order.split(',').any(|name| module.order.contains(&name));
    if !listed {
        return Observed::Absent;
    }
    // Of the exclusive ones (all of them before 5.?, SELinux, AppArmor and Smack since), the first
    // that is compiled in wins.
    let exclusive = ["selinux", "apparmor", "smack"];
    let first = order.split(',').find(|name| {
        exclusive.contains(name)
            && MODULES.iter().any(|other| {
                other.name == *name
                    && kernel.options.get(other.option).is_some_and(|o| o.value.is_present())
            })
    });
    match first {
        Some(first) if exclusive.contains(&module.name) && first != module.name => Observed::Absent,
        _ => Observed::Present(()),
    }
}

/// Before 5.1 without a known default: certain only when no other major module is compiled in.
fn only_one(module: &Module, kernel: &Kernel<'_>) -> Observed<()> {
    let state = |other: &Module| kernel.options.get(other.option).map(|option| &option.value);
    let others =
        MODULES.iter().filter(|other| other.kind == Kind::Major && other.name != module.name);
    let alone = others.into_iter().all(|other| {
        state(other).is_some_and(Observed::is_absent)
            || kernel.version < other.since
            || (kernel.source != ConfigSource::Inferred && state(other).is_none())
    });
    if alone {
        // The default may still be none (`DEFAULT_SECURITY_DAC`).
        let reason = "compiled in alone, but the default choice is not known";
        return Observed::undetermined("no-default", reason);
    }
    Observed::undetermined("no-default", "several are compiled in, the default is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(value: &str) -> KernelOption {
        KernelOption {
            value: Observed::Present(value.to_owned()),
            found_as: None,
            source: ConfigSource::Ikconfig,
            witness: None,
        }
    }

    fn states(options: &[(&str, &str)], line: Option<&str>) -> BTreeMap<String, LsmState> {
        let options =
            options.iter().map(|(name, value)| ((*name).to_owned(), option(value))).collect();
        let kernel = Kernel {
            options: &options,
            source: ConfigSource::Ikconfig,
            version: KernelVersion(6, 1, 0),
            command_line: line,
        };
        derive_lsm(&kernel).into_iter().map(|state| (state.name.clone(), state)).collect()
    }

    #[test]
    fn a_module_that_is_compiled_is_active_only_when_the_order_names_it() {
        let options = [
            ("SECURITY_APPARMOR", "y"),
            ("SECURITY_SELINUX", "y"),
            ("BPF_LSM", "y"),
            ("LSM", "landlock,lockdown,yama,integrity,apparmor,selinux"),
        ];
        let state = states(&options, None);
        assert!(state["apparmor"].enabled.is_present());
        assert!(state["selinux"].compiled.is_present());
        assert!(state["selinux"].enabled.is_absent());
        assert!(state["bpf"].enabled.is_absent());
        assert!(state["smack"].compiled.is_absent());
        let state = states(&options, Some("console=ttyS0 lsm=selinux,bpf"));
        assert!(state["selinux"].enabled.is_present() && state["bpf"].enabled.is_present());
        assert!(state["apparmor"].enabled.is_absent());
    }
}
