// SPDX-License-Identifier: Apache-2.0
//! Programs that only tell about the system.

use crate::stages::effect::{Content, Effect};

use super::{Invocation, Outcome};

/// In byte order, for the search.
#[rustfmt::skip]
const SURVEYING: &[&str] = &[
    "acpi", "apropos", "arch", "blkid", "cal", "command", "compgen", "df", "dig", "dir",
    "dmesg", "dmidecode", "dpkg-query", "du", "dumpsys", "env", "file", "finger", "free",
    "getconf", "getent", "getprop", "groups", "hash", "help", "host", "hostid", "hostnamectl",
    "id", "inxi", "iostat", "ipcs", "iw", "iwlist", "last", "lastb", "lastlog", "ldd", "locale",
    "locate", "loginctl", "logname", "logread", "ls", "lsattr", "lsb_release", "lsblk", "lscpu",
    "lshw", "lsmod", "lsof", "lspci", "lsusb", "man", "mpstat", "netstat", "nproc", "nslookup",
    "nvidia-smi", "pgrep", "pidof", "ping", "ping6", "pmap", "printenv", "ps", "pstree", "pwd",
    "readlink", "realpath", "rocm-smi", "runlevel", "sar", "size", "ss", "stat", "strace",
    "tcpdump", "timedatectl", "top", "tracepath", "traceroute", "tree", "tty", "type", "uname",
    "uptime", "users", "vcgencmd", "ver", "version", "vmstat", "w", "whatis", "whereis",
    "which", "who", "whoami", "whois",
];

pub(super) fn is_surveying(name: &str) -> bool {
    SURVEYING.binary_search(&name).is_ok()
}

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    if !is_surveying(invocation.name) {
        return None;
    }
    let needs_operand = matches!(invocation.name, "ping" | "ping6" | "traceroute" | "nslookup");
    let effect = if needs_operand && invocation.arguments.is_empty() {
        Effect::AskTool
    } else {
        Effect::Survey
    };
    Some(Outcome { effects: vec![effect], output: Content::Program })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_names_are_in_order() {
        assert!(super::SURVEYING.is_sorted());
    }
}
