// SPDX-License-Identifier: Apache-2.0
//! What well-known programs are: services with their usual ports, or tools that end at once.

/// A program that is known to stay, and what it serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownService {
    /// Name of the program or applet.
    pub(crate) program: &'static str,
    /// What it offers; empty when it listens to nobody.
    pub(crate) service: &'static str,
    /// Where it listens unless told otherwise.
    pub(crate) ports: &'static [&'static str],
    /// The option that names its port.
    pub(crate) port_option: &'static str,
}

const fn known(
    program: &'static str,
    service: &'static str,
    ports: &'static [&'static str],
    port_option: &'static str,
) -> KnownService {
    KnownService { program, service, ports, port_option }
}

/// Sources: the manual of each program; IANA's registry of port numbers.
const SERVICES: &[KnownService] = &[
    known("telnetd", "telnet", &["tcp:23"], "-p"),
    known("utelnetd", "telnet", &["tcp:23"], "-p"),
    known("in.telnetd", "telnet", &["tcp:23"], ""),
    known("dropbear", "ssh", &["tcp:22"], "-p"),
    known("sshd", "ssh", &["tcp:22"], "-p"),
    known("ftpd", "ftp", &["tcp:21"], ""),
    known("vsftpd", "ftp", &["tcp:21"], ""),
    known("proftpd", "ftp", &["tcp:21"], "-p"),
    known("pure-ftpd", "ftp", &["tcp:21"], "-S"),
    known("stupid-ftpd", "ftp", &["tcp:21"], ""),
    known("bftpd", "ftp", &["tcp:21"], ""),
    known("in.ftpd", "ftp", &["tcp:21"], ""),
    known("tftpd", "tftp", &["udp:69"], ""),
    known("in.tftpd", "tftp", &["udp:69"], ""),
    known("atftpd", "tftp", &["udp:69"], "--port"),
    known("httpd", "http", &["tcp:80"], "-p"),
    known("uhttpd", "http", &["tcp:80"], "-p"),
    known("mini_httpd", "http", &["tcp:80"], "-p"),
    known("thttpd", "http", &["tcp:80"], "-p"),
    known("lighttpd", "http", &["tcp:80"], ""),
    known("boa", "http", &["tcp:80"], ""),
    known("webs", "http", &["tcp:80"], "-p"),
    known("goahead", "http", &["tcp:80"], ""),
    known("nginx", "http", &["tcp:80"], ""),
    known("apache2", "http", &["tcp:80"], ""),
    known("micro_httpd", "http", &["tcp:80"], ""),
    known("alphapd", "http", &["tcp:80"], ""),
    known("appweb", "http", &["tcp:80"], ""),
    known("jjhttpd", "http", &["tcp:80"], ""),
    known("anweb", "http", &["tcp:80"], ""),
    known("mathopd", "http", &["tcp:80"], ""),
    known("hostapd", "", &[], ""),
    known("wpa_supplicant", "", &[], ""),
    known("dnsmasq", "dns", &["tcp:53", "udp:53", "udp:67"], "-p"),
    known("named", "dns", &["tcp:53", "udp:53"], "-p"),
    known("unbound", "dns", &["tcp:53", "udp:53"], ""),
    known("dproxy", "dns", &["udp:53"], ""),
    known("dnrd", "dns", &["udp:53"], ""),
    known("udhcpd", "dhcp", &["udp:67"], ""),
    known("dhcpd", "dhcp", &["udp:67"], "-p"),
    known("odhcpd", "dhcp", &["udp:547"], ""),
    known("dhcp6s", "dhcp", &["udp:547"], ""),
    known("udhcpc", "", &[], ""),
    known("dhclient", "", &[], ""),
    known("dhcpcd", "", &[], ""),
    known("odhcp6c", "", &[], ""),
    known("miniupnpd", "upnp", &["udp:1900", "tcp:5000"], "-p"),
    known("upnpd", "upnp", &["udp:1900"], ""),
    known("igd", "upnp", &["udp:1900"], ""),
    known("wscd", "upnp", &["udp:1900"], ""),
    known("minidlna", "upnp", &["tcp:8200", "udp:1900"], "-p"),
    known("minidlnad", "upnp", &["tcp:8200", "udp:1900"], "-p"),
    known("minissdpd", "upnp", &["udp:1900"], ""),
    known("ushare", "upnp", &["udp:1900"], "-p"),
    known("smbd", "smb", &["tcp:445", "tcp:139"], "-p"),
    known("nmbd", "smb", &["udp:137", "udp:138"], ""),
    known("ksmbd.mountd", "smb", &["tcp:445"], ""),
    known("cwmpd", "cwmp", &["tcp:7547"], ""),
    known("cwmpClient", "cwmp", &["tcp:7547"], ""),
    known("cwmp", "cwmp", &["tcp:7547"], ""),
    known("tr069", "cwmp", &["tcp:7547"], ""),
    known("tr069d", "cwmp", &["tcp:7547"], ""),
    known("tr69c", "cwmp", &["tcp:30005"], ""),
    known("easycwmpd", "cwmp", &["tcp:7547"], ""),
    known("freecwmpd", "cwmp", &["tcp:7547"], ""),
    known("rtspd", "rtsp", &["tcp:554"], ""),
    known("rtsp_server", "rtsp", &["tcp:554"], ""),
    known("v4l2rtspserver", "rtsp", &["tcp:8554"], "-P"),
    known("live555MediaServer", "rtsp", &["tcp:554"], ""),
    known("snmpd", "snmp", &["udp:161"], ""),
    known("ntpd", "ntp", &["udp:123"], ""),
    known("chronyd", "ntp", &["udp:123"], "-p"),
    known("sntpd", "", &[], ""),
    known("ntpclient", "", &[], ""),
    known("mosquitto", "mqtt", &["tcp:1883"], "-p"),
    known("avahi-daemon", "mdns", &["udp:5353"], ""),
    known("mDNSResponder", "mdns", &["udp:5353"], ""),
    known("mdnsd", "mdns", &["udp:5353"], ""),
    known("umdns", "mdns", &["udp:5353"], ""),
    known("lld2d", "lltd", &[], ""),
    known("rpcbind", "rpc", &["tcp:111", "udp:111"], ""),
    known("portmap", "rpc", &["tcp:111", "udp:111"], ""),
    known("cupsd", "ipp", &["tcp:631"], ""),
    known("rsync", "rsync", &["tcp:873"], "--port"),
    known("transmission-daemon", "bittorrent", &["tcp:9091"], "-p"),
    known("openvpn", "vpn", &["udp:1194"], "--port"),
    known("pptpd", "vpn", &["tcp:1723"], ""),
    known("xl2tpd", "vpn", &["udp:1701"], "-p"),
    known("l2tpd", "vpn", &["udp:1701"], ""),
    known("racoon", "vpn", &["udp:500"], ""),
    known("charon", "vpn", &["udp:500"], ""),
    known("ripd", "rip", &["udp:520"], "-P"),
    known("zebra", "zebra", &["tcp:2601"], "-P"),
    known("adbd", "debug-shell", &["tcp:5555"], ""),
    known("gdbserver", "debugger", &[], ""),
    known("iperf", "measurement", &["tcp:5001"], "-p"),
    known("iperf3", "measurement", &["tcp:5201"], "-p"),
    known("xinetd", "", &[], ""),
    known("inetd", "", &[], ""),
    known("crond", "", &[], ""),
    known("cron", "", &[], ""),
    known("atd", "", &[], ""),
    known("syslogd", "", &[], ""),
    known("rsyslogd", "", &[], ""),
    known("syslog-ng", "", &[], ""),
    known("klogd", "", &[], ""),
    known("logd", "", &[], ""),
    known("watchdog", "", &[], ""),
    known("udevd", "", &[], ""),
    known("systemd-udevd", "", &[], ""),
    known("hotplug2", "", &[], ""),
    known("ubusd", "", &[], ""),
    known("procd", "", &[], ""),
    known("netifd", "", &[], ""),
    known("rpcd", "", &[], ""),
    known("dbus-daemon", "", &[], ""),
    known("getty", "", &[], ""),
    known("agetty", "", &[], ""),
    known("pppd", "", &[], ""),
    known("pppoecd", "", &[], ""),
    known("ntfs-3g", "", &[], ""),
    known("igmpproxy", "", &[], ""),
    known("ifplugd", "", &[], ""),
    known("irqbalance", "", &[], ""),
    known("haveged", "", &[], ""),
    known("rngd", "", &[], ""),
    known("acpid", "", &[], ""),
];

/// Tools that end at once, whatever starts them.
const BRIEF: &[&str] = &[
    "[", "arp", "arping", "awk", "basename", "brctl", "cat", "chgrp", "chmod", "chown", "clear", "cmp", "cp",
    "cut", "date", "dd", "depmod", "df", "diff", "dirname", "dmesg", "du", "ebtables", "echo", "egrep", "env",
    "ethtool", "expr", "false", "fgrep", "find", "flash_erase", "flash_eraseall", "free", "fsck", "fw_printenv",
    "fw_setenv", "grep", "gunzip", "gzip", "halt", "head", "hostname", "hwclock", "id", "ifconfig", "insmod",
    "ip", "ip6tables", "iptables", "iptables-restore", "ipcs", "iwconfig", "iwpriv", "iwlist", "kill",
    "killall", "ln", "ls", "lsmod", "lsusb", "makedevs", "md5sum", "mkdir", "mkfifo", "mknod", "mktemp",
    "modprobe", "mount", "mv", "nvram", "nvram_get", "nvram_set", "passwd", "chpasswd", "pidof", "ping", "ping6",
    "poweroff", "printenv", "printf", "ps", "pwd", "readlink", "reboot", "renice", "reset", "rm", "rmdir",
    "rmmod", "route", "sed", "seq", "sha256sum", "sleep", "sort", "stat", "stty", "swapoff", "swapon", "sync",
    "sysctl", "tail", "tar", "tc", "tee", "test", "time", "top", "touch", "tr", "true", "tty", "tune2fs",
    "ubiattach", "ubimkvol", "ubus", "uci", "umount", "uname", "uniq", "unzip", "uptime", "usleep", "vconfig",
    "vi", "wc", "wget", "curl", "which", "who", "whoami", "xargs", "yes", "zcat", "start-stop-daemon", "setconsole",
    "logger", "jffs2reset", "jffs2mark", "mtd", "lock", "cmp", "hexdump", "tput", "more", "less", "mesg",
    "mkswap", "mke2fs", "mkfs.ext4", "loadkmap", "openvt", "chvt", "bc", "join", "split", "md5", "sh",
];

/// The service that a program of this name offers, if it is a well-known one.
pub(crate) fn find_service(program: &str) -> Option<&'static KnownService> {
    SERVICES.iter().find(|known| known.program == program)
}

/// Does a program of this name end at once, whatever starts it?
pub(super) fn is_brief(program: &str) -> bool {
    BRIEF.contains(&program)
}

/// Does a program of this name stay when it is just started?
pub(super) fn stays(program: &str, arguments: &[String]) -> bool {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    if let [only] = arguments
        && matches!(only.as_str(), "--version" | "--help" | "-V" | "-h")
    {
        return false;
    }
    match program {
        // One lease and out.
        "udhcpc" => !has("-q"),
        "ntpd" | "ntpclient" => !has("-q"),
        "iperf" | "iperf3" => has("-s"),
        "rsync" => has("--daemon"),
        "nc" | "netcat" | "ncat" => arguments.iter().any(|argument| argument.starts_with("-l")),
        "tail" => has("-f"),
        _ => find_service(program).is_some(),
    }
}
