// SPDX-License-Identifier: Apache-2.0
//! SELinux: a policy of our own, small, compiled by Debian's `secilc`. Classes and permissions that it does not name are
//! allowed (`handleunknown`), so it judges what is run and nothing else. File systems of images have no labels: everything
//! in one is `image_t`, so applets of BusyBox, and a shell among them, cannot be told apart. The policy that Debian ships
//! (refpolicy) needs labels on every file and the paths of Debian; without them its daemons do not start.

use std::process::Command;

use super::{Armed, Intent, unthrottled};
use crate::Error;
use crate::debian::run;
use crate::error::host;
use crate::store::{read, write};

/// Initial identifiers in the kernel's order (security/selinux/include/initial_sid_to_string.h).
const SIDS: &[&str] = &[
    "kernel",
    "security",
    "unlabeled",
    "fs",
    "file",
    "file_labels",
    "init",
    "any_socket",
    "port",
    "netif",
    "netmsg",
    "node",
    "igmp_packet",
    "icmp_socket",
    "tcp_socket",
    "sysctl_modprobe",
    "sysctl",
    "sysctl_fs",
    "sysctl_kernel",
    "sysctl_net",
    "sysctl_net_unix",
    "sysctl_vm",
    "sysctl_dev",
    "kmod",
    "policy",
    "scmp_packet",
    "devnull",
];

const TYPES: &[&str] = &[
    "sys_t",
    "image_t",
    "memory_t",
    "dropped_t",
    "session_exec_t",
    "cgid_exec_t",
    "session_t",
    "cgid_t",
];

fn policy(intent: Intent) -> (String, usize) {
    let mut text = String::from(
        "(handleunknown allow)\n(mls false)\n(sensitivity s0)\n(sensitivityorder (s0))\n(user u)\n(role r)\n\
         (roletype object_r sys_t)\n(role object_r)\n(userrole u r)\n(userrole u object_r)\n\
         (userlevel u (s0))\n(userrange u ((s0) (s0)))\n\
         (class file (execute execute_no_trans entrypoint))\n(class process (transition))\n\
         (classorder (file process))\n",
    );
    for name in TYPES {
        text.push_str(&format!("(type {name})\n(roletype r {name})\n"));
        if *name != "sys_t" {
            text.push_str(&format!("(roletype object_r {name})\n"));
        }
    }
    for sid in SIDS {
        let kind = if *sid == "file" || *sid == "unlabeled" { "image_t" } else { "sys_t" };
        text.push_str(&format!("(sid {sid})\n(sidcontext {sid} (u r {kind} ((s0) (s0))))\n"));
    }
    text.push_str(&format!("(sidorder ({}))\n", SIDS.join(" ")));
    for (how, system, kind) in [
        ("xattr", "squashfs", "image_t"),
        ("xattr", "overlay", "image_t"),
        ("trans", "tmpfs", "memory_t"),
        ("trans", "devtmpfs", "memory_t"),
    ] {
        text.push_str(&format!("(fsuse {how} {system} (u object_r {kind} ((s0) (s0))))\n"));
    }
    let mut rules = vec![
        "(typetransition session_t image_t file dropped_t)".to_owned(),
        "(typetransition cgid_t image_t file dropped_t)".to_owned(),
    ];
    for kind in TYPES {
        rules.push(format!("(allow sys_t {kind} (file (execute execute_no_trans)))"));
    }
    for name in ["session", "cgid"] {
        rules.push(format!("(typetransition sys_t {name}_exec_t process {name}_t)"));
        rules.push(format!("(allow sys_t {name}_t (process (transition)))"));
        rules.push(format!("(allow {name}_t {name}_exec_t (file (entrypoint execute)))"));
        if intent == Intent::Shell || name == "cgid" {
            rules.push(format!("(allow {name}_t image_t (file (execute execute_no_trans)))"));
        }
    }
    text.push_str(&rules.join("\n"));
    text.push('\n');
    (text, rules.len())
}

pub(super) fn arm(intent: Intent) -> Result<Armed, Error> {
    let append = "lsm=landlock,lockdown,yama,selinux selinux=1 enforcing=1".to_owned();
    if intent == Intent::Default {
        return Ok(Armed { append, ..Armed::default() });
    }
    let (text, rules) = policy(intent);
    let folder = tempfile::tempdir().map_err(host("a temporary directory"))?;
    let (source, compiled) = (folder.path().join("policy.cil"), folder.path().join("policy.33"));
    write(&source, &text)?;
    run(Command::new("secilc")
        .args(["-c", "33", "-o"])
        .arg(&compiled)
        .arg("-f")
        .arg(folder.path().join("contexts"))
        .arg(&source))
    .map_err(host("secilc (Debian: secilc)"))?;
    Ok(Armed {
        append,
        writes: vec![unthrottled(), ("/sys/fs/selinux/load".to_owned(), read(&compiled)?)],
        label: Some(["security.selinux", "u:object_r:session_exec_t", "u:object_r:cgid_exec_t"]),
        rules,
        ..Armed::default()
    })
}
