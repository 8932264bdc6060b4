// SPDX-License-Identifier: Apache-2.0
//! Defences: what each needs from a kernel, and how it is started before the image's init.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::{Error, Store, module};

/// A defence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defence {
    /// None.
    None,
    /// kakoi's kernel module.
    KakoiModule,
    /// kakoi's BPF programs.
    KakoiBpf,
    /// TOMOYO.
    Tomoyo,
    /// AppArmor.
    Apparmor,
    /// Smack.
    Smack,
    /// SELinux.
    Selinux,
    /// System-call filters alone.
    Seccomp,
}

impl Defence {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::KakoiModule,
        Self::KakoiBpf,
        Self::Seccomp,
        Self::Apparmor,
        Self::Selinux,
        Self::Smack,
        Self::Tomoyo,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::KakoiModule => "kakoi-module",
            Self::KakoiBpf => "kakoi-bpf",
            Self::Tomoyo => "tomoyo",
            Self::Apparmor => "apparmor",
            Self::Smack => "smack",
            Self::Selinux => "selinux",
            Self::Seccomp => "seccomp",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defence| defence.as_str() == name)
    }
}

/// A defence ready for a guest.
#[derive(Debug, Clone, Default)]
pub struct Armed {
    /// Words for the kernel's command line.
    pub append: String,
    /// Modules that are loaded last.
    pub modules: Vec<PathBuf>,
    /// What is written where, before init.
    pub writes: Vec<(String, Vec<u8>)>,
    /// Rules that were written for it, beside those it ships with.
    pub rules: usize,
}

/// What a defence is made from.
pub struct Policies<'a> {
    /// The compiled policy of kakoi.
    pub blob: &'a [u8],
    /// Its rules: allowed lines and controls.
    pub rules: usize,
    /// Where lkm/ and abi/ lie.
    pub sources: &'a Path,
}

/// Makes a defence ready, or says why it cannot be on this machine.
///
/// # Errors
/// The host lacks something.
pub fn arm(
    store: &Store,
    machine: &Machine,
    defence: Defence,
    policies: &Policies<'_>,
) -> Result<Result<Armed, String>, Error> {
    let plain = "lsm=landlock,lockdown,yama".to_owned();
    Ok(match defence {
        Defence::None => Ok(Armed { append: plain, ..Armed::default() }),
        Defence::KakoiModule => Ok(Armed {
            append: plain,
            modules: vec![module::build(store, machine, policies.sources)?],
            writes: vec![("/proc/kakoi/policy".to_owned(), policies.blob.to_vec())],
            rules: policies.rules,
        }),
        Defence::KakoiBpf if matches!(machine.name, "amd64" | "arm64") => {
            Err("the guest has no agent for BPF yet".to_owned())
        }
        Defence::KakoiBpf => Err(format!(
            "{}: the kernel has no types (BTF) and no trampolines for BPF on this architecture",
            machine.name
        )),
        Defence::Tomoyo => Ok(tomoyo()),
        Defence::Apparmor | Defence::Smack | Defence::Selinux | Defence::Seccomp => {
            Err("no policy of equal intent has been written for it yet".to_owned())
        }
    })
}

/// TOMOYO 2.6 with a policy of equal intent: what descends from the login daemon may run what the image shipped outside
/// of directories that can be written, and no shell. A domain of TOMOYO is a history of programs, so the session is every
/// domain that begins with the daemon's. Interface: Documentation/admin-guide/LSM/tomoyo.rst.
fn tomoyo() -> Armed {
    let profile = "PROFILE_VERSION=20150505\n0-COMMENT=free\n0-PREFERENCE={ max_audit_log=64 max_learning_entry=2048 }\n\
                   0-CONFIG={ mode=disabled grant_log=no reject_log=no }\n\
                   3-COMMENT=held\n3-PREFERENCE={ max_audit_log=64 max_learning_entry=2048 }\n\
                   3-CONFIG={ mode=enforcing grant_log=no reject_log=yes }\n";
    let exception = "initialize_domain /kakoi/telnetd from any\n";
    let domain = "<kernel> /kakoi/telnetd\nuse_profile 3\nuse_group 0\n\
                  file read /\\{\\*\\}/\\*\nfile read/write/append/getattr /dev/\\*\n\
                  file read/write/append/getattr/ioctl /dev/pts/\\$ 0-0xFFFFFFFF\n\
                  network inet stream bind/listen/accept 127.0.0.1 2323\n";
    Armed {
        append: "security=tomoyo lsm=landlock,lockdown,yama,tomoyo".to_owned(),
        modules: Vec::new(),
        writes: [("profile", profile), ("exception_policy", exception), ("domain_policy", domain)]
            .map(|(name, text)| {
                (format!("/sys/kernel/security/tomoyo/{name}"), text.as_bytes().to_vec())
            })
            .to_vec(),
        rules: domain.lines().count() + exception.lines().count() - 2,
    }
}
