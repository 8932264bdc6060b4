// SPDX-License-Identifier: Apache-2.0
//! AppArmor: it mediates files, networks, mounts, signals and tracing, not calls. What no allowed call can do is left out, and so
//! denied. Files and capabilities stay open: calls do not tell which.

use std::collections::BTreeSet;

use super::Subject;

/// Rules that a program needs for its calls.
const NEEDS: &[(&str, &[&str])] = &[
    (
        "signal (send),",
        &["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"],
    ),
    ("ptrace,", &["ptrace", "process_vm_readv", "process_vm_writev", "kcmp"]),
    ("mount,", &["mount", "fsmount", "move_mount", "open_tree"]),
    ("umount,", &["umount", "umount2"]),
    ("pivot_root,", &["pivot_root"]),
];

/// Names of socket families (include/linux/socket.h) that apparmor.d(5) knows.
const FAMILIES: &[(u64, &str)] = &[
    (1, "unix"),
    (2, "inet"),
    (10, "inet6"),
    (16, "netlink"),
    (17, "packet"),
    (31, "bluetooth"),
    (38, "alg"),
];

pub(super) fn render(subject: &Subject<'_>) -> String {
    let calls = subject.calls();
    let mut lines =
        vec!["file,".to_owned(), "capability,".to_owned(), "signal (receive),".to_owned()];
    for (rule, names) in NEEDS {
        lines.extend(names.iter().any(|name| calls.contains_key(name)).then(|| (*rule).to_owned()));
    }
    lines.extend(networks(subject));
    format!(
        "# What the system calls of {} need of AppArmor, by kakoi.\nabi <abi/3.0>,\n\nprofile {} \"{}\" {{\n  {}\n}}\n",
        subject.quoted_program(),
        subject.short_name(),
        subject.quoted_program(),
        lines.join("\n  "),
    )
}

/// `network` for the families that sockets may be of; all where that is not known.
fn networks(subject: &Subject<'_>) -> BTreeSet<String> {
    let calls = subject.calls();
    let makers = ["socket", "socketpair", "socketcall"];
    let present = || makers.iter().filter_map(|name| calls.get_key_value(name));
    let mut lines = BTreeSet::new();
    for (name, rule) in present() {
        let families =
            rule.checks.iter().find(|check| check.argument == 0 && *name != "socketcall");
        let known = |value: &u64| {
            FAMILIES.iter().find(|(number, _)| number == value).map(|(_, name)| *name)
        };
        let names: Option<Vec<&str>> =
            families.and_then(|check| check.values.iter().map(known).collect());
        match names {
            Some(names) => lines.extend(names.iter().map(|name| format!("network {name},"))),
            None => _ = lines.insert("network,".to_owned()),
        }
    }
    lines
}
