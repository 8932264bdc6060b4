// SPDX-License-Identifier: Apache-2.0
//! Containers (OCI runtime specification, config-linux.md, "Seccomp") and OpenWrt's ujail (procd, jail/seccomp-oci.c).

use serde_json::{Value, json};

use super::Subject;
use crate::filter::{Action, Architecture, CallRule};

pub(super) fn render_oci(subject: &Subject<'_>) -> String {
    let mut filter = filter(subject, &["execve"]);
    if let Some(fields) = filter.as_object_mut() {
        fields
            .insert("architectures".to_owned(), json!([architecture(subject.rules.architecture)]));
    }
    text(&filter)
}

pub(super) fn render_ujail(subject: &Subject<'_>) -> String {
    let mut filter = filter(subject, &[]);
    if let Some(fields) = filter.as_object_mut() {
        // Releases up to 19.07: names, and 1 for refusing instead of ending the process.
        let names: Vec<&str> = subject.calls().into_keys().collect();
        fields.insert("whitelist".to_owned(), json!(names));
        fields.insert("policy".to_owned(), json!(u8::from(subject.rules.action != Action::Kill)));
    }
    text(&filter)
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn filter(subject: &Subject<'_>, also: &[&str]) -> Value {
    let calls = subject.calls();
    let mut free: Vec<&str> =
        calls.iter().filter(|(_, rule)| rule.checks.is_empty()).map(|(name, _)| *name).collect();
    free.extend(also.iter().filter(|name| !calls.contains_key(**name)));
    free.sort_unstable();
    let mut entries = vec![json!({ "names": free, "action": "SCMP_ACT_ALLOW" })];
    for (name, rule) in calls.iter().filter(|(_, rule)| !rule.checks.is_empty()) {
        entries.extend(combinations(rule).into_iter().map(
            |arguments| json!({ "names": [name], "action": "SCMP_ACT_ALLOW", "args": arguments }),
        ));
    }
    let missing = subject.missing();
    if !missing.is_empty() && matches!(subject.rules.action, Action::Kill | Action::Fail(_)) {
        let number = subject.rules.architecture.no_such_call();
        entries.push(json!({ "names": missing, "action": "SCMP_ACT_ERRNO", "errnoRet": number }));
    }
    let mut filter = json!({ "defaultAction": action(subject.rules.action), "syscalls": entries });
    if let (Action::Fail(number), Some(fields)) = (subject.rules.action, filter.as_object_mut()) {
        fields.insert("defaultErrnoRet".to_owned(), json!(number));
    }
    filter
}

/// One list of conditions for each combination of values, since the conditions of one entry must all hold.
fn combinations(rule: &CallRule) -> Vec<Vec<Value>> {
    rule.checks.iter().fold(vec![Vec::new()], |lists, check| {
        let condition = |value: &u64| {
            json!({ "index": check.argument, "value": check.mask, "valueTwo": value & check.mask, "op": "SCMP_CMP_MASKED_EQ" })
        };
        let longer = |list: &Vec<Value>| {
            check.values.iter().map(|value| [list.clone(), vec![condition(value)]].concat()).collect::<Vec<_>>()
        };
        lists.iter().flat_map(longer).collect()
    })
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "SCMP_ACT_ALLOW",
        Action::Log => "SCMP_ACT_LOG",
        Action::Trace => "SCMP_ACT_TRACE",
        Action::Fail(_) => "SCMP_ACT_ERRNO",
        Action::Kill => "SCMP_ACT_KILL_PROCESS",
    }
}

fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "SCMP_ARCH_X86_64",
        Architecture::I386 => "SCMP_ARCH_X86",
        Architecture::Aarch64 => "SCMP_ARCH_AARCH64",
        Architecture::Arm | Architecture::Armeb => "SCMP_ARCH_ARM",
        Architecture::Mips => "SCMP_ARCH_MIPS",
        Architecture::Mipsel => "SCMP_ARCH_MIPSEL",
        Architecture::Mips64 => "SCMP_ARCH_MIPS64",
        Architecture::Mips64el => "SCMP_ARCH_MIPSEL64",
        Architecture::Mipsn32 => "SCMP_ARCH_MIPS64N32",
        Architecture::Mipsn32el => "SCMP_ARCH_MIPSEL64N32",
    }
}
