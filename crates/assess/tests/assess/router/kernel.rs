// SPDX-License-Identifier: Apache-2.0
//! The kernel of the router, and which defence fits it.

use std::collections::BTreeMap;

use kakoi_model::*;

pub(crate) fn kernel() -> OfContent<KernelFacts> {
    let banner = "Linux version 2.6.31--LSDK-9.2.0 (build@host) (gcc version 4.3.3 (GCC) ) #2 \
                  Fri Mar 11 16:05:36 CST 2011";
    let facts = KernelFacts {
        banner: banner.into(),
        release: "2.6.31--LSDK-9.2.0".into(),
        version: KernelVersion(2, 6, 31),
        compiler: Some("gcc version 4.3.3 (GCC)".into()),
        built: Some("#2 Fri Mar 11 16:05:36 CST 2011".into()),
        machine: Observed::Present("mips".into()),
        options: options(),
        config_source: ConfigSource::Ikconfig,
        kallsyms: Some(12_408),
        command_line: Some(
            "console=ttyS0,115200 root=31:02 rootfstype=squashfs init=/sbin/init".into(),
        ),
        hardening: hardening(),
        lsm: vec![unused("selinux"), none("apparmor"), none("smack"), none("tomoyo")],
        evidence: vec![Evidence::at("banner", 0x2b_1040).with_excerpt(banner.as_bytes())],
    };
    OfContent { digest: Digest::of(b"linux.bin"), facts }
}

fn option(value: Observed<String>) -> KernelOption {
    KernelOption { value, found_as: None, source: ConfigSource::Ikconfig, witness: None }
}

fn options() -> BTreeMap<String, KernelOption> {
    let on = ["MODULES", "DEVKMEM", "MAGIC_SYSRQ", "PROC_KCORE", "SECURITY_SELINUX", "SQUASHFS"];
    let off = ["DEBUG_FS", "KGDB", "SECCOMP", "STRICT_DEVMEM", "SLAB_FREELIST_RANDOM"];
    let on = on.map(|name| (name.to_owned(), option(Observed::Present("y".into()))));
    let off = off.map(|name| (name.to_owned(), option(Observed::Absent)));
    on.into_iter().chain(off).collect()
}

fn hardening() -> Vec<KernelHardening> {
    let rows = [
        ("BUG", "y", "kill a process that trips a kernel check", HardeningVerdict::Met),
        ("DEVKMEM", "n", "no device file for kernel memory", not_met("y")),
        ("LEGACY_PTYS", "n", "no old-style terminals", not_met("y")),
        (
            "STACKPROTECTOR",
            "y",
            "notice overflows on kernel stacks",
            HardeningVerdict::NotInVersion { exists: "3.11 or later on MIPS".into() },
        ),
        (
            "RANDOMIZE_BASE",
            "y",
            "put the kernel at a random address",
            HardeningVerdict::NotInVersion { exists: "4.7 or later on MIPS".into() },
        ),
        (
            "STRICT_KERNEL_RWX",
            "y",
            "write-protect kernel code",
            HardeningVerdict::NotOnArchitecture,
        ),
        ("SYN_COOKIES", "y", "stand a flood of half-open connections", not_met("n")),
        (
            "SECURITY_DMESG_RESTRICT",
            "y",
            "hide the kernel log",
            HardeningVerdict::Undetermined { reason: "the configuration does not name it".into() },
        ),
    ];
    let row = |(option, wanted, purpose, verdict): (&str, &str, &str, HardeningVerdict)| {
        KernelHardening {
            option: option.into(),
            wanted: wanted.into(),
            purpose: purpose.into(),
            verdict,
        }
    };
    rows.map(row).into()
}

fn not_met(found: &str) -> HardeningVerdict {
    HardeningVerdict::NotMet { found: found.into() }
}

fn unused(name: &str) -> LsmState {
    LsmState {
        name: name.into(),
        compiled: Observed::Present(()),
        enabled: Observed::Absent,
        policy_present: Observed::Absent,
        policy_loaded: Observed::Absent,
        evidence: vec![
            Evidence::new("CONFIG_SECURITY_SELINUX=y"),
            Evidence::new("CONFIG_DEFAULT_SECURITY=\"\""),
        ],
    }
}

fn none(name: &str) -> LsmState {
    LsmState {
        compiled: Observed::Absent,
        evidence: vec![Evidence::new(format!(
            "CONFIG_SECURITY_{} is not set",
            name.to_uppercase()
        ))],
        ..unused(name)
    }
}

pub(crate) fn backends() -> Vec<BackendFit> {
    let condition = |condition: &str, holds, because: &str| FitCondition {
        condition: condition.into(),
        holds,
        because: because.into(),
    };
    let fit =
        |backend: &str, fit, conditions| BackendFit { backend: backend.into(), fit, conditions };
    vec![
        fit(
            "bpf-lsm",
            Fit::NotPossible,
            vec![
                condition("kernel 5.7 or later", Observed::Absent, "the kernel is 2.6.31"),
                condition("BTF", Observed::Absent, "no .BTF section"),
            ],
        ),
        fit(
            "kernel-module",
            Fit::Possible,
            vec![
                condition("CONFIG_MODULES", Observed::Present(()), "IKCONFIG: CONFIG_MODULES=y"),
                condition(
                    "unsigned modules load",
                    Observed::Present(()),
                    "signatures came with 3.7",
                ),
            ],
        ),
        fit(
            "seccomp",
            Fit::Undetermined,
            vec![condition(
                "CONFIG_SECCOMP",
                Observed::undetermined("not-told", "not in the list"),
                "no trace",
            )],
        ),
    ]
}
