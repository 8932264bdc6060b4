// SPDX-License-Identifier: Apache-2.0
//! What the kernel module says of itself (lkm/status.c), as a statement per control: a hook that is in place, or that
//! comes into place with the first session, serves its operations; one that is missing is a reason.

use kakoi_policy::Control;

use crate::status::{ControlState, Held};

/// A loaded module.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ModuleReport {
    /// Half of the SHA-256 of the policy in force, hexadecimal; none: no policy is loaded.
    pub policy: Option<String>,
    /// The policy only logs.
    pub audit_only: bool,
    /// No other policy is taken, and it cannot be unloaded.
    pub sealed: bool,
    /// Names of the policy's domains.
    pub domains: Vec<String>,
    /// Controls that the policy has rules for.
    pub controls: Vec<ControlState>,
    /// Filters of system calls, if the policy has any.
    pub filters: Option<Filters>,
    /// Processes that are held.
    pub held: u64,
    /// Files that sessions dropped.
    pub dropped: u64,
    /// Events that nobody read in time.
    pub events_lost: u64,
    /// Files that are vouched for by their digest.
    pub vouched: u64,
    /// Files that were, and were changed since.
    pub changed: u64,
    /// Hooks.
    pub hooks: Vec<ModuleHook>,
}

/// Filters of system calls.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Filters {
    /// In the policy.
    pub count: u32,
    /// Given to programs so far.
    pub attached: u64,
    /// Why none can be given here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// One kernel function that is replaced.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModuleHook {
    /// The function.
    pub name: String,
    /// `in-place`, `ready` for the first session, `idle`: no rule needs it, `missing`, `not-needed`: another sees the same.
    pub state: String,
    /// Operations that it serves, bit by number.
    pub ops: u32,
    /// Calls that a probe missed.
    pub missed: u64,
    /// Why it is missing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl ModuleReport {
    /// Reads what the module shows; lines that are not known are passed over.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut report = Self::default();
        let mut asked = Vec::new();
        let mut overflow = false;
        for line in text.lines() {
            let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
            let first = rest.split(' ').next().unwrap_or_default();
            match key {
                "policy" if first != "none" => report.policy = Some(first.to_owned()),
                "audit-only" => report.audit_only = first != "0",
                "sealed" => report.sealed = first != "0",
                "domain" => report.domains.extend(rest.split(' ').nth(1).map(str::to_owned)),
                "control" => asked.extend(control(rest)),
                "filters" => report.filters = Some(filters(rest)),
                "held" => report.held = number(first),
                "dropped" => {
                    report.dropped = number(first);
                    overflow = rest.ends_with("overflow");
                }
                "vouched" => {
                    report.vouched = number(first);
                    report.changed = number(value(rest, "changed").unwrap_or_default());
                }
                "events-lost" => report.events_lost = number(first),
                "hook" => report.hooks.extend(hook(rest)),
                _ => {}
            }
        }
        report.controls =
            asked.into_iter().map(|(it, ops)| state(it, ops, &report.hooks, overflow)).collect();
        report
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_default()
}

/// The value of `name=` among words.
fn value<'a>(words: &'a str, name: &str) -> Option<&'a str> {
    words.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn hexadecimal(words: &str, name: &str) -> u32 {
    value(words, name).and_then(|text| u32::from_str_radix(text, 16).ok()).unwrap_or_default()
}

fn control(words: &str) -> Option<(Control, u32)> {
    let name = words.split(' ').next()?;
    let control = Control::ALL.iter().find(|control| control.word() == name)?;
    Some((*control, hexadecimal(words, "ops")))
}

fn filters(words: &str) -> Filters {
    let mut parts = words.splitn(3, ' ');
    let count = parts.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let attached = number(value(words, "attached").unwrap_or_default());
    let why_not = parts.nth(1).filter(|why| !why.is_empty()).map(str::to_owned);
    Filters { count, attached, why_not }
}

fn hook(words: &str) -> Option<ModuleHook> {
    let mut parts = words.splitn(4, ' ');
    let (name, state) = (parts.next()?, parts.next()?);
    let why = match state {
        "missing" | "not-needed" => parts.nth(1).unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    Some(ModuleHook {
        name: name.to_owned(),
        state: state.to_owned(),
        ops: hexadecimal(words, "ops"),
        missed: number(value(words, "missed").unwrap_or_default()),
        why,
    })
}

fn state(control: Control, ops: u32, hooks: &[ModuleHook], overflow: bool) -> ControlState {
    let mut why = Vec::new();
    let mut served = 0;
    for hook in hooks.iter().filter(|hook| hook.ops & ops != 0) {
        match hook.state.as_str() {
            "in-place" | "ready" => served |= hook.ops,
            "missing" => why.push(format!("{} is not hooked: {}", hook.name, hook.why)),
            _ => {}
        }
        if hook.missed > 0 {
            why.push(format!("{} was not asked {} times", hook.name, hook.missed));
        }
    }
    let provenance = [Control::RunDropped, Control::InterpretDropped, Control::ExecOutside];
    if overflow && provenance.contains(&control) {
        why.push(
            "more files were dropped than are remembered: all that changed since counts".to_owned(),
        );
    }
    let held = match (served & ops, why.is_empty()) {
        (0, _) => Held::NotEnforced,
        (_, true) => Held::Fully,
        (_, false) => Held::Partly,
    };
    ControlState { control, held, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "backend module\nabi 1\nsealed 1\npolicy 00ff\naudit-only 0\ndomain 0 remote-session\n\
        control shell-start ops=2\ncontrol write-exec ops=2710\ncontrol network.bind ops=8000\n\
        filters 2 attached=3 \nmarks 4\nheld 1\ndropped 7\nevents-lost 2\nvouched 5 changed=1\n\
        hook binary-format in-place ops=2 missed=0\nhook security_file_open ready ops=10 \n\
        hook security_path_link missing ops=200 its first instruction cannot be done by us\n\
        hook security_file_truncate not-needed ops=100 this kernel has no such function\n";

    #[test]
    fn a_control_is_held_as_far_as_its_hooks_are_in_place() {
        let report = ModuleReport::of(TEXT);
        let held: Vec<Held> = report.controls.iter().map(|control| control.held).collect();
        assert_eq!(held, [Held::Fully, Held::Partly, Held::NotEnforced]);
        let why = &report.controls[1].why;
        assert_eq!(
            why,
            &["security_path_link is not hooked: its first instruction cannot be done by us"]
        );
    }

    #[test]
    fn numbers_and_names_are_those_of_the_module() {
        let report = ModuleReport::of(TEXT);
        assert_eq!(report.policy.as_deref(), Some("00ff"));
        assert!(report.sealed && !report.audit_only);
        assert_eq!(report.domains, ["remote-session"]);
        assert_eq!((report.held, report.dropped, report.events_lost), (1, 7, 2));
        assert_eq!((report.vouched, report.changed), (5, 1));
        let filters = report.filters.unwrap();
        assert_eq!((filters.count, filters.attached, filters.why_not), (2, 3, None));
    }

    #[test]
    fn without_a_policy_nothing_is_claimed() {
        let report = ModuleReport::of("backend module\nabi 1\nsealed 0\npolicy none\nheld 0\n");
        assert_eq!(report.policy, None);
        assert!(report.controls.is_empty());
    }

    #[test]
    fn a_kernel_without_filters_says_so() {
        let report = ModuleReport::of("filters 1 attached=0 no seccomp here\n");
        assert_eq!(report.filters.unwrap().why_not.as_deref(), Some("no seccomp here"));
    }
}
