// SPDX-License-Identifier: Apache-2.0
//! Defences: what each needs from a kernel, and how it is started before the image's init.
//!
//! Policies are made on the host from the tools that Debian ships for each defence and written into its kernel interface
//! by the guest's first process, so that nothing has to be in the image. What cannot be is said with its reason.

mod apparmor;
mod selinux;
mod smack;
mod tomoyo;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::{Error, Store, guest, module};

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
    /// System-call filters alone, as the login daemon takes them upon its sessions.
    Seccomp,
    /// Landlock, likewise.
    Landlock,
    /// AppArmor.
    Apparmor,
    /// SELinux.
    Selinux,
    /// Smack.
    Smack,
    /// TOMOYO.
    Tomoyo,
}

impl Defence {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::KakoiModule,
        Self::KakoiBpf,
        Self::Seccomp,
        Self::Landlock,
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
            Self::Landlock => "landlock",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defence| defence.as_str() == name)
    }

    /// Its name in the kernel's list of active modules, where it is one of them.
    #[must_use]
    pub const fn module(self) -> Option<&'static str> {
        match self {
            Self::Landlock | Self::Apparmor | Self::Selinux | Self::Smack | Self::Tomoyo => {
                Some(self.as_str())
            }
            Self::None | Self::KakoiModule | Self::KakoiBpf | Self::Seccomp => None,
        }
    }

    /// The option of the kernel's configuration that it needs.
    const fn option(self) -> Option<&'static str> {
        match self {
            Self::Seccomp => Some("CONFIG_SECCOMP_FILTER"),
            Self::Landlock => Some("CONFIG_SECURITY_LANDLOCK"),
            Self::Apparmor => Some("CONFIG_SECURITY_APPARMOR"),
            Self::Selinux => Some("CONFIG_SECURITY_SELINUX"),
            Self::Smack => Some("CONFIG_SECURITY_SMACK"),
            Self::Tomoyo => Some("CONFIG_SECURITY_TOMOYO"),
            Self::None | Self::KakoiModule | Self::KakoiBpf => None,
        }
    }
}

/// What a defence is to hold off.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// A remote session gets no shell and runs nothing: what the derived policy says of sessions.
    #[default]
    Sessions,
    /// People work in sessions: what the image shipped runs, what was brought along does not (policies/admin.toml).
    Shell,
    /// Active as Debian ships it, with no policy of ours.
    Default,
    /// Every service by the defence's own learning mode, then enforced.
    Learnt,
}

impl Intent {
    /// All.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Shell, Self::Default, Self::Learnt];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Shell => "shell",
            Self::Default => "default",
            Self::Learnt => "learnt",
        }
    }
}

/// A defence and what it is to hold off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The defence.
    pub defence: Defence,
    /// Its intent.
    pub intent: Intent,
}

impl Chosen {
    /// `tomoyo`, `tomoyo:shell`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, intent) = text.split_once(':').unwrap_or((text, "sessions"));
        let defence = Defence::named(name)?;
        let intent = Intent::ALL.into_iter().find(|known| known.as_str() == intent)?;
        Some(Self { defence, intent })
    }

    /// As a file is named.
    #[must_use]
    pub fn name(self) -> String {
        match self.intent {
            Intent::Sessions => self.defence.as_str().to_owned(),
            intent => format!("{}-{}", self.defence.as_str(), intent.as_str()),
        }
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
    /// Extended attribute of the programs that are held: name, value for sessions, value for the fixture.
    pub label: Option<[&'static str; 3]>,
    /// Options of the mount of the image's root.
    pub options: &'static str,
    /// How sessions confine themselves.
    pub confine: String,
    /// Is the policy loaded when a program is run (TOMOYO)?
    pub trigger: bool,
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
    /// The program that the kernel starts, for defences that learn from it.
    pub init: &'a str,
    /// What a learning run wrote down.
    pub learnt: &'a str,
}

const PLAIN: &str = "lsm=landlock,lockdown,yama";

/// Makes a defence ready, or says why it cannot be on this machine.
///
/// # Errors
/// The host lacks something.
pub fn arm(
    store: &Store,
    machine: &Machine,
    chosen: Chosen,
    policies: &Policies<'_>,
) -> Result<Result<Armed, String>, Error> {
    let Chosen { defence, intent } = chosen;
    if let Some(why) = lacking(store, machine, chosen)? {
        return Ok(Err(why));
    }
    let plain = Armed { append: PLAIN.to_owned(), ..Armed::default() };
    let shell = intent == Intent::Shell;
    Ok(match defence {
        Defence::None => Ok(plain),
        Defence::KakoiModule => Ok(Armed {
            modules: vec![module::build(store, machine, policies.sources)?],
            writes: vec![("/proc/kakoi/policy".to_owned(), policies.blob.to_vec())],
            rules: policies.rules,
            ..plain
        }),
        Defence::KakoiBpf => Err("the guest has no agent for BPF yet".to_owned()),
        Defence::Seccomp | Defence::Landlock => Ok(Armed {
            confine: format!("{}{}", defence.as_str(), if shell { "-shell" } else { "" }),
            rules: match (defence, shell) {
                (Defence::Seccomp, false) => 2,
                (Defence::Landlock, false) => 1,
                _ => 6,
            },
            ..plain
        }),
        Defence::Apparmor => apparmor::arm(intent).map(Ok)?,
        Defence::Selinux => selinux::arm(intent).map(Ok)?,
        Defence::Smack => Ok(smack::arm(intent)),
        Defence::Tomoyo => Ok(tomoyo::arm(intent, policies)),
    })
}

/// What the machine, its kernel or the defence itself lacks, from facts alone.
fn lacking(store: &Store, machine: &Machine, chosen: Chosen) -> Result<Option<String>, Error> {
    let Chosen { defence, intent } = chosen;
    if defence == Defence::KakoiBpf && !matches!(machine.name, "amd64" | "arm64") {
        return Ok(Some(format!(
            "{}: the kernel has no types (BTF) and no trampolines for BPF on this architecture",
            machine.name
        )));
    }
    if intent == Intent::Default && defence.module().is_none() {
        return Ok(Some("it ships with no policy that would be in force by itself".to_owned()));
    }
    if intent == Intent::Default && defence == Defence::Landlock {
        return Ok(Some("it holds nothing until a program asks it to".to_owned()));
    }
    if intent == Intent::Learnt && defence != Defence::Tomoyo {
        return Ok(Some("it has no learning mode in its kernel part".to_owned()));
    }
    let Some(option) = defence.option() else { return Ok(None) };
    let configuration = guest::configuration(store, machine)?;
    let built = configuration.lines().any(|line| line == format!("{option}=y"));
    Ok((!built).then(|| format!("the kernel lacks it: {option} is not set")))
}

/// Refusals are written down in full: the kernel's log is otherwise thinned out.
fn unthrottled() -> (String, Vec<u8>) {
    ("/proc/sys/kernel/printk_ratelimit".to_owned(), b"0".to_vec())
}

/// What of a policy is a rule: lines that are not empty, no comments and no brackets alone.
fn rules_in(text: &str) -> usize {
    let is_rule = |line: &&str| {
        line.chars().any(char::is_alphanumeric) && !line.trim_start().starts_with('#')
    };
    text.lines().filter(is_rule).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defence_is_chosen_by_its_name_and_what_it_is_to_hold_off() {
        let chosen = Chosen::parse("tomoyo:learnt").unwrap();
        assert_eq!((chosen.defence, chosen.intent), (Defence::Tomoyo, Intent::Learnt));
        assert_eq!(chosen.name(), "tomoyo-learnt");
        assert_eq!(Chosen::parse("smack").unwrap().name(), "smack");
        assert_eq!(Chosen::parse("smack:nothing"), None);
        assert_eq!(Chosen::parse("grsecurity"), None);
    }

    #[test]
    fn rules_are_counted_without_comments_and_brackets() {
        assert_eq!(rules_in("# why\nprofile a {\n  /** r,\n}\n\n"), 2);
    }
}
