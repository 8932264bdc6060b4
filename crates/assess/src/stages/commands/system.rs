// SPDX-License-Identifier: Apache-2.0
//! Programs that change the system, and those that change or show it as their arguments say.

use crate::stages::effect::{Content, Effect};
use crate::stages::paths::is_trace;

use super::{Invocation, Outcome};

/// Change the system, whatever their arguments: persistence, defence, destruction, packages.
/// In byte order, for the search.
#[rustfmt::skip]
const TAMPERING: &[&str] = &[
    "addgroup", "adduser", "apk", "apt", "apt-get", "at", "badblocks", "blockdev", "brctl",
    "chattr", "chgrp", "chown", "chpasswd", "chroot", "cryptsetup", "debugfs", "deluser", "dnf",
    "dpkg", "dropbear", "easy_install", "ebtables", "ether-wake", "flash_erase",
    "flash_eraseall", "flashcp", "ftpd", "gem", "groupadd", "halt", "hdparm", "hping3", "httpd",
    "inetd", "init", "insmod", "installpkg", "iwconfig", "iwpriv", "logger", "losetup",
    "masscan", "mkfs", "mknod", "mkntfs", "mkswap", "modprobe", "mtd", "mtd_write", "nandwrite",
    "nmap", "npm", "ntpdate", "nvram", "opkg", "pacman", "pip", "pip3",
    "pivot_root", "pm", "poweroff", "reboot", "reg", "rmmod", "rpm", "setenforce", "setprop",
    "settings", "sfdisk", "shutdown", "ssh", "ssh-copy-id", "ssh-keygen", "sshd", "sshpass",
    "svc", "swapoff", "swapon", "switch_root", "telinit", "telnet", "telnetd", "tune2fs",
    "ubiformat", "uci", "umount", "update-rc.d", "useradd", "userdel", "usermod", "utelnetd",
    "vconfig", "visudo", "wipefs", "yum", "zypper",
];

pub(super) fn is_tampering(name: &str) -> bool {
    TAMPERING.binary_search(&name).is_ok() || name.starts_with("mkfs.")
}

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    let name = invocation.name;
    if is_tampering(name) {
        return Some(Outcome::of(Effect::Tamper));
    }
    let effect = match name {
        "kill" | "pkill" | "killall" | "killall5" | "skill" | "fuser" => Effect::Kill,
        "cd" | "pushd" | "popd" | "chdir" => enter(invocation),
        "find" => find(invocation),
        "test" | "[" | "[[" => test(invocation),
        "history" if invocation.arguments.is_empty() => Effect::Survey,
        "history" => Effect::HideTraces,
        "unset" | "export" | "declare" | "typeset" | "setenv" => environment(invocation),
        "set" | "shopt" if invocation.has(&["history"]) => Effect::HideTraces,
        "clear" | "reset" | "true" | "false" | ":" | "sleep" | "usleep" | "wait" | "exit"
        | "logout" | "quit" | "read" | "shift" | "break" | "continue" | "return" | "alias"
        | "unalias" | "trap" | "umask" | "stty" | "let" | "local" | "bind" | "set" | "shopt"
        | "seq" | "yes" | "disown" | "jobs" | "fg" | "bg" | "renice" | "sync" | "make" | "gcc"
        | "cc" | "g++" | "git" | "go" | "expr" | "basename" | "dirname" | "getopts" => {
            Effect::Nothing
        }
        "crontab" => shows_if(invocation, &["-l"]),
        "iptables" | "ip6tables" | "nft" => {
            shows_if(invocation, &["-L", "-nL", "-S", "--list", "-vnL", "list", "-nvL", "-Ln"])
        }
        "fdisk" if invocation.has(&["-l", "-lu"]) => Effect::Survey,
        "fdisk" | "gdisk" | "parted" | "passwd" if !invocation.is_fed() => Effect::Converse,
        "fdisk" | "gdisk" | "parted" | "passwd" => Effect::Tamper,
        "sysctl" => shows_unless(invocation, |text| text == "-w" || text.contains('=')),
        "ifconfig" => shows_unless(invocation, |text| {
            matches!(text, "up" | "down" | "netmask" | "hw" | "mtu")
        }),
        "ip" | "route" | "arp" | "iproute" => shows_unless(invocation, |text| {
            matches!(
                text,
                "add" | "del" | "delete" | "set" | "flush" | "replace" | "change" | "-d" | "-s"
            )
        }),
        "hostname" | "date" => shows_unless(invocation, |text| {
            text == "-s" || text == "--set" || !(text.starts_with('-') || text.starts_with('+'))
        }),
        "mount" if invocation.arguments.is_empty() => Effect::ListMounts,
        "mount" => Effect::Tamper,
        "service" | "systemctl" | "rc-service" | "initctl" | "chkconfig" | "supervisorctl" => {
            shows_if(
                invocation,
                &["status", "list-units", "--status-all", "is-active", "--list", "list"],
            )
        }
        "ulimit" => shows_if(invocation, &["-a"]),
        "xargs" | "parallel" => Effect::Nothing,
        _ => return None,
    };
    let output = if invocation.is_fed() { Content::Program } else { Content::default() };
    let output = if effect == Effect::Survey { Content::Program } else { output };
    Some(Outcome { effects: vec![effect], output })
}

fn shows_if(invocation: &Invocation<'_>, words: &[&str]) -> Effect {
    if invocation.has(words) { Effect::Survey } else { Effect::Tamper }
}

fn shows_unless(invocation: &Invocation<'_>, changes: impl Fn(&str) -> bool) -> Effect {
    if invocation.texts().any(|text| changes(&text)) { Effect::Tamper } else { Effect::Survey }
}

fn enter(invocation: &Invocation<'_>) -> Effect {
    let path = invocation.texts().find(|text| !text.starts_with("--"));
    Effect::Enter(path.map_or_else(String::new, Into::into))
}

/// Searches, unless it is told to do something with what it finds.
fn find(invocation: &Invocation<'_>) -> Effect {
    if invocation.has(&["-delete"]) {
        return Effect::Remove(String::new());
    }
    if invocation.has(&["-writable"]) || invocation.has(&["-perm"]) {
        return Effect::Enter("?".to_owned());
    }
    let mut after = invocation
        .texts()
        .skip_while(|text| !matches!(text.as_ref(), "-exec" | "-execdir" | "-ok"));
    after.next();
    match after.next().as_deref() {
        Some("rm" | "/bin/rm") => Effect::Remove(String::new()),
        Some("chmod" | "/bin/chmod") => Effect::Grant(String::new()),
        Some("kill" | "pkill") => Effect::Kill,
        _ => Effect::Survey,
    }
}

/// `[ -w DIR ]` asks whether a directory can be written to.
fn test(invocation: &Invocation<'_>) -> Effect {
    if invocation.has(&["-w"]) { Effect::Enter("?".to_owned()) } else { Effect::Survey }
}

fn environment(invocation: &Invocation<'_>) -> Effect {
    if invocation.name != "unset" && invocation.arguments.is_empty() {
        return Effect::Survey;
    }
    let hides = invocation.texts().any(|text| hides_traces(text.split('=').next().unwrap_or("")));
    if hides { Effect::HideTraces } else { Effect::Nothing }
}

/// Variables that say whether and where a shell keeps its history (bash(1), "HISTORY").
pub(in crate::stages) fn hides_traces(variable: &str) -> bool {
    matches!(
        variable,
        "HISTFILE"
            | "HISTSIZE"
            | "HISTFILESIZE"
            | "HISTSAVE"
            | "HISTZONE"
            | "HISTLOG"
            | "HISTORY"
            | "HISTCONTROL"
            | "HISTIGNORE"
            | "WATCH"
            | "SAVEHIST"
    ) || is_trace(variable)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_names_are_in_order() {
        assert!(super::TAMPERING.is_sorted());
    }
}
