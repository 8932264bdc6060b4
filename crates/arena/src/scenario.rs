// SPDX-License-Identifier: Apache-2.0
//! Scenarios: inert infections that are typed into a session, and benign life outside every session.

/// What an intruder types after the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Lines.
    pub text: String,
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../scenarios/infections/", $name, ".txt")))),+]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "adb-like",
    "cp-trick",
    "cron-persistence",
    "dropper-script",
    "echo-loader",
    "loader-by-ld-so",
    "preload",
    "script-by-pipe",
    "script-sourced",
    "tftp-loader",
    "wget-loader",
];

/// All that are shipped.
#[must_use]
pub fn all() -> Vec<Scenario> {
    SHIPPED
        .iter()
        .map(|(name, text)| Scenario { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect()
}

/// One step of benign life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benign {
    /// Its name.
    pub name: &'static str,
    /// Most seconds.
    pub seconds: u32,
    /// Shell, run in the image as a service's script would be.
    pub command: &'static str,
}

/// Benign life that every image has; what it lacks fails without a defence, too, and does not count.
pub const BENIGN: &[Benign] = &[
    Benign { name: "processes", seconds: 10, command: "ps" },
    Benign { name: "interfaces", seconds: 10, command: "ifconfig; route -n; cat /proc/net/arp" },
    Benign {
        name: "interface-up",
        seconds: 10,
        command: "ifconfig eth0 192.168.254.1 up && ping -c 1 192.168.254.1",
    },
    Benign {
        name: "read-configuration",
        seconds: 10,
        command: "ls -la /etc; cat /etc/passwd; cat /proc/mounts",
    },
    Benign {
        name: "save-configuration",
        seconds: 10,
        command: "cd /tmp && cp /etc/passwd saved.cfg && cat saved.cfg >> all.cfg && mv all.cfg saved.cfg && sync && rm saved.cfg",
    },
    Benign {
        name: "log-rotation",
        seconds: 10,
        command: "cd /tmp && echo line > a.log && mv a.log a.log.0 && gzip a.log.0; rm -f a.log.0 a.log.0.gz",
    },
    Benign { name: "syslog", seconds: 10, command: "logger -t benign hello" },
    Benign { name: "cron-job", seconds: 10, command: "date; uptime; free; df" },
    Benign {
        name: "script-made-at-run-time",
        seconds: 10,
        command: "echo 'echo made' > /tmp/made.sh && sh /tmp/made.sh; rm -f /tmp/made.sh",
    },
    Benign {
        name: "script-made-executable",
        seconds: 10,
        command: "printf '#!/bin/sh\\necho made\\n' > /tmp/made && chmod 755 /tmp/made && /tmp/made; rm -f /tmp/made",
    },
    Benign {
        name: "dhcp-script",
        seconds: 10,
        command: "echo nameserver 192.0.2.53 > /tmp/resolv.conf.benign; rm -f /tmp/resolv.conf.benign",
    },
    Benign { name: "time", seconds: 10, command: "date -s 2024.01.01-12:00 || date 010112002024" },
    Benign {
        name: "hot-plug",
        seconds: 10,
        command: "mkdir -p /tmp/usb && mount -t tmpfs none /tmp/usb && echo x > /tmp/usb/x && umount /tmp/usb; rmdir /tmp/usb",
    },
    Benign {
        name: "fetch-update",
        seconds: 20,
        command: "cd /tmp && wget -O image.bin http://192.0.2.10/image.bin; rm -f image.bin",
    },
];

/// The steps of a guest: benign life, pages of a web server, then the scenarios in sessions.
#[must_use]
pub fn steps(benign: bool, pages: &[(u16, String)], scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    if benign {
        for step in BENIGN {
            text.push_str(&format!("run {} {} {}\n", step.name, step.seconds, step.command));
        }
        for (number, (port, path)) in pages.iter().enumerate() {
            text.push_str(&format!("page page-{number} {port} {path}\n"));
        }
    }
    if !scenarios.is_empty() {
        text.push_str("mark attacks\nlogin\n");
        for scenario in scenarios {
            text.push_str(&format!("type {} typed-{}\n", scenario.name, scenario.name));
        }
    }
    text
}
