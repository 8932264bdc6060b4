// SPDX-License-Identifier: Apache-2.0
//! What holds, per control, and why not more. Nothing is claimed that was not attached.

use std::collections::BTreeMap;

use kakoi_policy::{Control, Op};

use crate::blob::Blob;
use crate::error::Error;
use crate::features::{Features, Way};
use crate::hooks::{HOOKS, Need};
use crate::load::{Choice, Fared, Loaded, load};
use crate::pins::Pinned;
use crate::vouch::Vouched;
use crate::vouch_bpf::BpfWatch;

/// How far a control holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// On every way that its operations take.
    Fully,
    /// On some; why not on all is said.
    Partly,
    /// Not at all.
    NotEnforced,
    /// The policy does not ask for it.
    NotAsked,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ControlState {
    /// Which.
    pub control: Control,
    /// How far.
    pub held: Held,
    /// Why not fully.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// The state of the guard on this device.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// `bpf-lsm`, `bpf-fmod-ret`, or none: nothing can be enforced by BPF here.
    pub backend: Option<&'static str>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
    /// What the kernel has.
    pub features: Features,
    /// Hooks.
    pub hooks: BTreeMap<String, Fared>,
    /// Controls.
    pub controls: Vec<ControlState>,
}

impl Report {
    /// Attaches the programs of a policy that allows everything, says what held, and detaches them.
    #[must_use]
    pub fn try_out(blob: &Blob, choice: Choice) -> Self {
        let features = Features::look();
        match load(blob, &features, choice) {
            Ok(loaded) => Self::of(blob, &features, &loaded),
            Err(error) => Self::none(blob, features, &error),
        }
    }

    /// Of a guard that runs here.
    #[must_use]
    pub fn of(blob: &Blob, features: &Features, loaded: &Loaded) -> Self {
        let hooks = loaded.hooks.iter().map(|(n, f)| ((*n).to_owned(), f.clone())).collect();
        Self::with(blob, features.clone(), loaded.way, hooks)
    }

    /// Of hooks that are known to be attached.
    #[must_use]
    pub fn with(blob: &Blob, features: Features, way: Way, hooks: BTreeMap<String, Fared>) -> Self {
        let controls = Control::ALL
            .iter()
            .map(|control| control_state(*control, blob, &features, way, &hooks))
            .collect();
        let backend = match way {
            Way::Lsm => "bpf-lsm",
            Way::ModifyReturn => "bpf-fmod-ret",
        };
        Self { backend: Some(backend), why_none: None, features, hooks, controls }
    }

    fn none(blob: &Blob, features: Features, error: &Error) -> Self {
        let why = error.to_string();
        let controls = Control::ALL
            .iter()
            .map(|control| match blob.judges(*control) {
                None => ControlState { control: *control, held: Held::NotAsked, why: Vec::new() },
                Some(_) => ControlState {
                    control: *control,
                    held: Held::NotEnforced,
                    why: vec![why.clone()],
                },
            })
            .collect();
        Self { backend: None, why_none: Some(why), features, hooks: BTreeMap::new(), controls }
    }
}

/// The report of a pinned guard, and what it counted in words.
///
/// # Errors
/// The pins cannot be read.
pub fn report(pinned: &Pinned) -> Result<(Report, String), Error> {
    let blob = pinned.policy()?;
    let features = Features::look();
    let links = pinned.links();
    let fared = |hook: &crate::hooks::Hook| {
        if links.contains(hook.name) {
            Fared::Attached
        } else if hook.is_needed(&blob) {
            Fared::Absent
        } else {
            Fared::NotNeeded
        }
    };
    let hooks = HOOKS.iter().map(|hook| (hook.name.to_owned(), fared(hook))).collect();
    let (seen, counters) = pinned.counts()?;
    let counts = format!(
        "{} events, {} lost; {} files of dropped content{}; {} forks refused for want of room; {} files vouched for",
        counters.events,
        counters.lost,
        seen.dropped_files,
        if seen.provenance_lost { ", more found no room" } else { "" },
        seen.forks_refused,
        BpfWatch::of(pinned)?.confirmed(),
    );
    let way = pinned.way()?;
    Ok((Report::with(&blob, features, way, hooks), counts))
}

/// A pinned guard as JSON: its report, what it counted, and which policy is in force.
///
/// # Errors
/// The pins cannot be read.
pub fn describe(pinned: &Pinned) -> Result<serde_json::Value, Error> {
    let blob = pinned.policy()?;
    let (report, _) = report(pinned)?;
    let (seen, counters) = pinned.counts()?;
    let digest: String = blob.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(serde_json::json!({
        "report": report, "seen": seen, "counters": counters, "vouched": vouched(pinned)?,
        "policy": { "digest": digest, "domains": blob.domains(), "audit": blob.audits_only() },
    }))
}

/// Files that are vouched for by their digest, files whose content was changed since, and what of the last list is not
/// vouched for, with the reasons.
fn vouched(pinned: &Pinned) -> Result<serde_json::Value, Error> {
    let watch = BpfWatch::of(pinned)?;
    Ok(serde_json::json!({
        "files": watch.confirmed(), "changed": watch.changed()?, "refused": Vouched::kept(),
    }))
}

fn control_state(
    control: Control,
    blob: &Blob,
    features: &Features,
    way: Way,
    hooks: &BTreeMap<String, Fared>,
) -> ControlState {
    let Some(ops) = blob.judges(control) else {
        return ControlState { control, held: Held::NotAsked, why: Vec::new() };
    };
    let mut why = Vec::new();
    let mut served = 0;
    for hook in HOOKS.iter().filter(|hook| matches!(hook.need, Need::For(set) if set & ops != 0)) {
        match hooks.get(hook.name) {
            Some(Fared::Attached) => served |= hook.ops(),
            Some(Fared::Refused(error)) => why.push(format!("{} was refused: {error}", hook.name)),
            _ if hook.absent.is_some() => {}
            _ => why.push(format!("this kernel has no hook {}", hook.name)),
        }
    }
    let exec = 1 << Op::Exec.number();
    served |= exec;
    let held = if served & ops == 0 { Held::NotEnforced } else { Held::Fully };
    why.extend(limits(control, blob, features, way));
    let held = if why.is_empty() || held == Held::NotEnforced { held } else { Held::Partly };
    ControlState { control, held, why }
}

/// What BPF cannot do here, whatever is attached.
fn limits(control: Control, blob: &Blob, features: &Features, way: Way) -> Vec<String> {
    let mut why = Vec::new();
    let exec = matches!(
        control,
        Control::ShellStart | Control::ScriptExec | Control::ExecList | Control::ExecForbid
    );
    if exec && !features.page_walk {
        why.push(
            "arguments can only be read after the exec here (no symbol of the direct map, or other \
             pages): what depends on them ends in a signal instead of an error"
                .to_owned(),
        );
    }
    if control == Control::GrantExec && blob.rewrites(control) {
        why.push("BPF cannot change arguments: rewrite denies".to_owned());
    }
    if way == Way::ModifyReturn && features.preemptible {
        why.push(
            "a program that interrupts itself is passed over by the kernel (fmod_ret on a preemptible \
             kernel): put `bpf` into lsm= "
                .trim_end()
                .to_owned(),
        );
    }
    why
}
