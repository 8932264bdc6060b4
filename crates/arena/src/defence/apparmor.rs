// SPDX-License-Identifier: Apache-2.0
//! AppArmor: profiles compiled by Debian's `apparmor_parser` on the host. The compiled form is the same on all machines
//! (security/apparmor/policy_unpack.c reads little-endian numbers).

use std::process::Command;

use super::{Armed, Intent, rules_in, unthrottled};
use crate::Error;
use crate::debian::run;
use crate::error::host;
use crate::store::{read, write};

/// Everything but running; what lies in the image's directories of programs may be mapped to be run.
const FREE: &str = "  capability,\n  network,\n  mount,\n  umount,\n  pivot_root,\n  signal,\n  ptrace,\n  unix,\n  \
                    /** rwkl,\n  /{bin,sbin,lib,usr}/** m,\n";
const SHIPPED: &str = "  /{bin,sbin,usr,kakoi-bin}/** ix,\n  /lib/** ix,\n";

fn profiles(intent: Intent) -> String {
    let session = if intent == Intent::Shell { SHIPPED } else { "" };
    format!(
        "profile session /kakoi/telnetd flags=(attach_disconnected) {{\n{FREE}{session}}}\n\
         profile cgid /kakoi/cgid flags=(attach_disconnected) {{\n{FREE}{SHIPPED}}}\n"
    )
}

pub(super) fn arm(intent: Intent) -> Result<Armed, Error> {
    let append = "lsm=landlock,lockdown,yama,apparmor apparmor=1".to_owned();
    if intent == Intent::Default {
        return Ok(Armed { append, ..Armed::default() });
    }
    let text = profiles(intent);
    let folder = tempfile::tempdir().map_err(host("a temporary directory"))?;
    let (source, compiled) = (folder.path().join("profiles"), folder.path().join("compiled"));
    write(&source, &text)?;
    run(Command::new("apparmor_parser")
        .args(["--skip-kernel-load", "--skip-cache", "--quiet", "--ofile"])
        .arg(&compiled)
        .arg(&source))
    .map_err(host("apparmor_parser (Debian: apparmor)"))?;
    Ok(Armed {
        append,
        writes: vec![
            unthrottled(),
            ("/sys/kernel/security/apparmor/.load".to_owned(), read(&compiled)?),
        ],
        rules: rules_in(&text),
        ..Armed::default()
    })
}
