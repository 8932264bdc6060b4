// SPDX-License-Identifier: Apache-2.0
//! What applets of BusyBox that serve need: their program is hundreds of others too, so its strings tell
//! little. From the sources of BusyBox 1.36 (networking/, miscutils/, sysklogd/).

/// An applet, what it reads, writes and runs.
pub(super) struct Applet {
    pub(super) name: &'static str,
    pub(super) read: &'static [&'static str],
    pub(super) write: &'static [&'static str],
    pub(super) exec: &'static [&'static str],
}

const fn applet(
    name: &'static str,
    read: &'static [&'static str],
    write: &'static [&'static str],
    exec: &'static [&'static str],
) -> Applet {
    Applet { name, read, write, exec }
}

const APPLETS: &[Applet] = &[
    applet("crond", &["/var/spool/cron/**", "/etc/crontabs/**"], &["/var/spool/cron/**"], &["sh"]),
    applet("httpd", &["/etc/httpd.conf", "/www/**"], &[], &[]),
    applet("inetd", &["/etc/inetd.conf", "/etc/services"], &["/var/run/inetd.pid"], &[]),
    applet("klogd", &["/proc/kmsg"], &["/dev/log"], &[]),
    applet("syslogd", &["/etc/syslog.conf"], &["/dev/log", "/var/log/**", "/dev/console"], &[]),
    applet("ntpd", &["/etc/ntp.conf"], &["/var/run/ntpd.pid"], &[]),
    applet(
        "udhcpc",
        &["/usr/share/udhcpc/**"],
        &["/var/run/**"],
        &["/usr/share/udhcpc/default.script"],
    ),
    applet("udhcpd", &["/etc/udhcpd.conf"], &["/var/lib/misc/udhcpd.leases", "/var/run/**"], &[]),
    applet("watchdog", &[], &["/dev/watchdog", "/dev/misc/watchdog"], &[]),
    applet("mdev", &["/etc/mdev.conf", "/sys/**"], &["/dev/**"], &["sh"]),
    applet("zcip", &[], &[], &["/etc/zcip.script"]),
    applet("ifplugd", &[], &["/var/run/**"], &["/etc/ifplugd/ifplugd.action"]),
    applet("tftpd", &[], &[], &[]),
    applet("udpsvd", &[], &[], &[]),
    applet("tcpsvd", &[], &[], &[]),
    applet("ftpd", &["/etc/passwd"], &[], &["ls"]),
    applet("dnsd", &["/etc/dnsd.conf"], &[], &[]),
];

pub(super) fn named(name: &str) -> Option<&'static Applet> {
    APPLETS.iter().find(|known| known.name == name)
}
