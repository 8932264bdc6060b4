// SPDX-License-Identifier: Apache-2.0
//! What is known without a policy saying so: which programs read code, which files tell others what
//! to run. A policy adds to these lists; it cannot take away.

use std::collections::{BTreeMap, BTreeSet};

use crate::pattern::Pattern;
use crate::words::{Program, Protect};

/// Programs by kind. A name stands for a program of that name anywhere, `busybox:` for an applet.
pub(crate) const PROGRAMS: &[(Program, &[&str])] = &[
    (
        Program::Shell,
        &[
            "sh",
            "ash",
            "bash",
            "dash",
            "hush",
            "ksh",
            "mksh",
            "zsh",
            "csh",
            "tcsh",
            "fish",
            "rbash",
            "busybox:sh",
            "busybox:ash",
            "busybox:hush",
            "busybox:bash",
            "busybox:lash",
            "busybox:msh",
            "busybox:cttyhack",
        ],
    ),
    (
        Program::Scripting,
        &[
            "perl",
            "perl5*",
            "python",
            "python2*",
            "python3*",
            "micropython",
            "lua",
            "lua5*",
            "luajit",
            "php",
            "php-cgi",
            "php-cli",
            "php4*",
            "php5*",
            "php7*",
            "php8*",
            "ruby",
            "node",
            "nodejs",
            "qjs",
            "ucode",
            "tclsh",
            "tclsh8*",
            "jimsh",
            "expect",
            "haserl",
        ],
    ),
    (Program::Filter, &["awk", "gawk", "mawk", "nawk", "sed", "busybox:awk", "busybox:sed", "jq"]),
    (
        Program::MultiCall,
        &["busybox*", "toybox*", "toolbox", "busybox:busybox*", "busybox:toybox*"],
    ),
    (
        Program::Deputy,
        &[
            "crond",
            "cron",
            "atd",
            "init",
            "procd",
            "udevd",
            "hotplug2",
            "mdev",
            "run-parts",
            "inetd",
            "xinetd",
            "busybox:crond",
            "busybox:init",
            "busybox:mdev",
            "busybox:run-parts",
            "busybox:inetd",
            "busybox:watch",
            "busybox:xargs",
            "busybox:vi",
        ],
    ),
];

/// Files whose change is tampering.
pub(crate) const PROTECTED: &[(Protect, &[&str])] = &[
    (
        Protect::Policy,
        &[
            "/etc/kakoi/**",
            "/sys/fs/bpf/kakoi/**",
            "/usr/sbin/kakoi-agent",
            "/usr/bin/kakoi",
            "/dev/kakoi",
            "/sys/kernel/kakoi/**",
            "/proc/kakoi/**",
            "/run/kakoi/**",
            "/var/lib/kakoi/**",
        ],
    ),
    (
        Protect::Device,
        &[
            "/dev/mem",
            "/dev/kmem",
            "/dev/port",
            "/dev/mtd*",
            "/dev/mtdblock*",
            "/dev/ubi*",
            "/dev/mmcblk*",
            "/dev/sd*",
            "/dev/nvme*",
            "/dev/cpu/**",
            "/proc/kcore",
        ],
    ),
    (
        Protect::Helper,
        &[
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/modprobe",
            "/proc/sys/kernel/hotplug",
            "/proc/sys/kernel/poweroff_cmd",
            "/proc/sys/kernel/modules_disabled",
            "/proc/sys/kernel/usermodehelper/**",
            "/proc/sys/fs/binfmt_misc/**",
            "/proc/sys/kernel/kptr_restrict",
            "/proc/sys/kernel/ftrace_enabled",
            "/sys/kernel/uevent_helper",
            "/sys/fs/cgroup/**/release_agent",
            "/sys/kernel/debug/**",
            "/sys/kernel/tracing/**",
            "/proc/sysrq-trigger",
        ],
    ),
    (
        Protect::StartUp,
        &[
            "/etc/inittab",
            "/etc/crontabs/**",
            "/etc/crontab",
            "/etc/cron.*/**",
            "/var/spool/cron/**",
            "/etc/init.d/**",
            "/etc/rc.d/**",
            "/etc/rc*.d/**",
            "/etc/rc.local",
            "/etc/rcS",
            "/etc/rcS.d/**",
            "/etc/profile",
            "/etc/profile.d/**",
            "/etc/hotplug.d/**",
            "/etc/hotplug/**",
            "/etc/udev/**",
            "/etc/mdev.conf",
            "/etc/inetd.conf",
            "/etc/xinetd.d/**",
            "/etc/ld.so.preload",
            "/etc/ld.so.conf",
            "/etc/ld.so.conf.d/**",
            "/etc/ld-musl-*.path",
            "/etc/systemd/**",
            "/lib/modules/**",
            "/etc/modules",
            "/etc/modules.d/**",
            "/etc/modprobe.d/**",
            "/etc/passwd",
            "/etc/shadow",
            "/root/.ssh/**",
            "/home/*/.ssh/**",
            "/etc/dropbear/**",
            "/etc/ssh/**",
            "/etc/ppp/**",
            "/etc/dhcp/**",
        ],
    ),
];

/// Processes that a held one may not signal or trace.
pub(crate) const PROCESSES: &[&str] =
    &["kakoi-agent", "kakoi", "init", "procd", "busybox:init", "busybox:syslogd", "busybox:klogd"];

fn patterns(texts: &[&str]) -> BTreeSet<Pattern> {
    texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect()
}

/// The built-in kinds of programs.
#[must_use]
pub(crate) fn programs() -> BTreeMap<Program, BTreeSet<Pattern>> {
    PROGRAMS.iter().map(|(kind, texts)| (*kind, patterns(texts))).collect()
}

/// The built-in protected files.
#[must_use]
pub(crate) fn protected() -> BTreeMap<Protect, BTreeSet<Pattern>> {
    PROTECTED.iter().map(|(kind, texts)| (*kind, patterns(texts))).collect()
}

/// The built-in protected processes.
#[must_use]
pub(crate) fn processes() -> BTreeSet<Pattern> {
    patterns(PROCESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_pattern_can_be_read() {
        let all = PROGRAMS
            .iter()
            .flat_map(|(_, texts)| *texts)
            .chain(PROTECTED.iter().flat_map(|(_, texts)| *texts));
        for text in all.chain(PROCESSES) {
            assert!(Pattern::parse(text).is_ok(), "{text}");
        }
    }
}
