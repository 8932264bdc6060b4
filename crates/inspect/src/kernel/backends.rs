// SPDX-License-Identifier: Apache-2.0
//! Which defence of kakoi fits the kernel of an image: each condition with what was found.

use kakoi_model::{
    BackendFit, Digest, ElfFacts, Fit, FitCondition, HardeningVerdict, KernelFacts, KernelVersion,
    Observed, OfContent,
};

/// A condition that helps but does not decide.
const PREFERRED: &str = " (preferred)";

/// The fit of each backend, in a fixed order.
pub(super) fn derive_backends(
    kernels: &[OfContent<KernelFacts>],
    modules: &[(Digest, ElfFacts)],
) -> Vec<BackendFit> {
    // The kernel that is known best: others in one image are recovery systems or leftovers.
    let best =
        kernels.iter().max_by_key(|kernel| (kernel.facts.options.len(), kernel.facts.version));
    let Some(kernel) = best.map(|kernel| &kernel.facts) else {
        return ["bpf-lsm", "kernel-module", "seccomp"].map(without_kernel).to_vec();
    };
    vec![
        weigh("bpf-lsm", bpf_lsm(kernel)),
        weigh("kernel-module", module(kernel, modules)),
        weigh("seccomp", seccomp(kernel)),
    ]
}

fn without_kernel(backend: &str) -> BackendFit {
    let unknown = Observed::undetermined("no-kernel", "the image holds no kernel that kakoi found");
    weigh(backend, vec![condition("a kernel", unknown, "no kernel found")])
}

fn weigh(backend: &str, conditions: Vec<FitCondition>) -> BackendFit {
    let decisive = || conditions.iter().filter(|one| !one.condition.ends_with(PREFERRED));
    let fit = if decisive().any(|one| one.holds.is_absent()) {
        Fit::NotPossible
    } else if decisive().all(|one| one.holds.is_present()) {
        Fit::Possible
    } else {
        Fit::Undetermined
    };
    BackendFit { backend: backend.to_owned(), fit, conditions }
}

fn condition(name: &str, holds: Observed<()>, because: impl Into<String>) -> FitCondition {
    FitCondition { condition: name.to_owned(), holds, because: because.into() }
}

fn known(holds: bool) -> Observed<()> {
    if holds { Observed::Present(()) } else { Observed::Absent }
}

/// BPF programs on the hooks of security modules.
fn bpf_lsm(kernel: &KernelFacts) -> Vec<FitCondition> {
    let since = KernelVersion(5, 7, 0);
    let version = condition("kernel 5.7 or later", known(kernel.version >= since), release(kernel));
    let mut all = vec![version, trampolines(kernel)];
    all.extend(
        ["BPF_SYSCALL", "BPF_JIT", "BPF_LSM", "DEBUG_INFO_BTF"].map(|name| set(kernel, name)),
    );
    let state = kernel.lsm.iter().find(|state| state.name == "bpf");
    let holds = state.map_or_else(
        || Observed::undetermined("not-seen", "the active modules are not known"),
        |state| state.enabled.clone(),
    );
    let because = state
        .and_then(|state| state.evidence.last())
        .map_or("nothing tells", |evidence| evidence.what.as_str());
    all.push(condition("bpf among the active security modules", holds, because));
    all
}

/// Attaching a program needs trampolines and direct calls of ftrace: x86-64 from the start, AArch64
/// from 6.4 (on 6.1 programs load but attaching fails with -ENOTSUPP), RISC-V and s390 from 6.12.
fn trampolines(kernel: &KernelFacts) -> FitCondition {
    let name = "BPF trampolines on this architecture and version";
    let Some(machine) = kernel.machine.present() else {
        let unknown = Observed::undetermined("no-machine", "the architecture is not known");
        return condition(name, unknown, "architecture not known");
    };
    let since = match machine.as_str() {
        "x86-64" => KernelVersion(5, 7, 0),
        "aarch64" => KernelVersion(6, 4, 0),
        "riscv" | "s390" => KernelVersion(6, 12, 0),
        other => {
            return condition(name, Observed::Absent, format!("{other} has none at any version"));
        }
    };
    let because = format!("{machine} has them from {since}, this is {}", kernel.version);
    condition(name, known(kernel.version >= since), because)
}

/// A module of our own, built for exactly this kernel.
fn module(kernel: &KernelFacts, modules: &[(Digest, ElfFacts)]) -> Vec<FitCondition> {
    let magic = modules.iter().find_map(|(_, facts)| {
        let magic = facts.module.as_ref()?.vermagic.as_deref()?;
        (magic.split_ascii_whitespace().next() == Some(kernel.release.as_str())).then_some(magic)
    });
    let kprobes = set(kernel, "KPROBES");
    vec![
        set(kernel, "MODULES"),
        not_set(kernel, "MODULE_SIG_FORCE", KernelVersion(3, 7, 0)),
        not_set(kernel, "LOCK_DOWN_KERNEL_FORCE_INTEGRITY", KernelVersion(5, 4, 0)),
        not_set(kernel, "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY", KernelVersion(5, 4, 0)),
        known_magic(kernel, magic),
        symbol_versions(kernel, magic.is_some()),
        FitCondition { condition: format!("{}{PREFERRED}", kprobes.condition), ..kprobes },
    ]
}

fn known_magic(kernel: &KernelFacts, magic: Option<&str>) -> FitCondition {
    let name = "module magic known";
    if let Some(magic) = magic {
        return condition(
            name,
            Observed::Present(()),
            format!("a module of the image says `{magic}`"),
        );
    }
    let witness = kernel.options.get("MODULES").and_then(|option| option.witness.as_deref());
    match witness.filter(|witness| witness.starts_with("module magic")) {
        Some(witness) => condition(name, Observed::Present(()), witness),
        None if set(kernel, "MODULES").holds.is_absent() => {
            condition(name, Observed::Absent, "the kernel loads no modules")
        }
        None => {
            let unknown = Observed::undetermined("no-magic", "no module and no text tells it");
            condition(name, unknown, "no module of this kernel in the image")
        }
    }
}

/// With `MODVERSIONS` a module must carry the checksums of the kernel's symbols; modules of the
/// image have them.
fn symbol_versions(kernel: &KernelFacts, has_modules: bool) -> FitCondition {
    let name = "checksums of symbols known or not needed";
    match kernel.options.get("MODVERSIONS").map(|option| &option.value) {
        Some(Observed::Absent) => condition(name, Observed::Present(()), "MODVERSIONS is not set"),
        Some(Observed::Present(_)) if has_modules => {
            condition(name, Observed::Present(()), "modules of the image carry them")
        }
        None if kernel.config_source != kakoi_model::ConfigSource::Inferred => {
            condition(name, Observed::Present(()), "MODVERSIONS is not set")
        }
        _ => {
            let unknown =
                Observed::undetermined("no-checksums", "no module of this kernel carries them");
            condition(name, unknown, "MODVERSIONS is set or not known, and no module tells")
        }
    }
}

/// Filters of system calls.
fn seccomp(kernel: &KernelFacts) -> Vec<FitCondition> {
    let verdict = kernel.hardening.iter().find(|one| one.option == "SECCOMP_FILTER");
    let exists = match verdict.map(|one| &one.verdict) {
        Some(HardeningVerdict::NotInVersion { exists }) => {
            condition("filters exist in this version", Observed::Absent, exists.clone())
        }
        Some(HardeningVerdict::NotOnArchitecture) => {
            condition("filters exist in this version", Observed::Absent, "not on this architecture")
        }
        _ if kernel.machine.present().is_none()
            && !set(kernel, "SECCOMP_FILTER").holds.is_present() =>
        {
            let unknown = Observed::undetermined("no-machine", "the architecture is not known");
            condition("filters exist in this version", unknown, "architecture not known")
        }
        _ => condition("filters exist in this version", Observed::Present(()), release(kernel)),
    };
    vec![exists, set(kernel, "SECCOMP_FILTER")]
}

fn release(kernel: &KernelFacts) -> String {
    format!("this is {}", kernel.release)
}

/// The option is on.
fn set(kernel: &KernelFacts, name: &str) -> FitCondition {
    let (holds, because) = look_up(kernel, name);
    condition(&format!("CONFIG_{name}"), holds, because)
}

/// The option is off, or does not exist yet.
fn not_set(kernel: &KernelFacts, name: &str, since: KernelVersion) -> FitCondition {
    let title = format!("not CONFIG_{name}");
    if kernel.version < since && !kernel.options.contains_key(name) {
        return condition(&title, Observed::Present(()), format!("exists from {since}"));
    }
    // Both depend on an option that is easier to see.
    let parent = if name == "MODULE_SIG_FORCE" { "MODULE_SIG" } else { "SECURITY_LOCKDOWN_LSM" };
    let (own, because) = look_up(kernel, name);
    let (above, reason) = look_up(kernel, parent);
    match own {
        Observed::Present(()) => condition(&title, Observed::Absent, because),
        Observed::Absent => condition(&title, Observed::Present(()), because),
        Observed::Undetermined(_) if above.is_absent() => {
            condition(&title, Observed::Present(()), format!("{parent}: {reason}"))
        }
        Observed::Undetermined(reason) => {
            condition(&title, Observed::Undetermined(reason), because)
        }
    }
}

fn look_up(kernel: &KernelFacts, name: &str) -> (Observed<()>, String) {
    let option = kernel.options.get(name);
    let source = || match kernel.config_source {
        kakoi_model::ConfigSource::Ikconfig => "the configuration in the kernel",
        kakoi_model::ConfigSource::ConfigFile => "a configuration file",
        kakoi_model::ConfigSource::Inferred => "inferred",
    };
    let because =
        option.and_then(|option| option.witness.clone()).unwrap_or_else(|| source().to_owned());
    match option.map(|option| &option.value) {
        Some(Observed::Present(_)) => (Observed::Present(()), because),
        Some(Observed::Absent) => (Observed::Absent, because),
        None if kernel.config_source != kakoi_model::ConfigSource::Inferred => {
            (Observed::Absent, format!("{}: not set", source()))
        }
        _ => (
            Observed::undetermined("not-seen", format!("nothing tells of CONFIG_{name}")),
            "nothing tells".to_owned(),
        ),
    }
}
