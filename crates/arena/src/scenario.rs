// SPDX-License-Identifier: Apache-2.0
//! Scenarios: inert infections, typed into a session or sent to a server that has holes, and benign life outside of them.

/// How a scenario gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Somebody logged in and types it.
    Session,
    /// It is a request to the server of ours that has holes (`guest/fixture.c`).
    Request,
}

/// What an intruder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Lines.
    pub text: String,
    /// How it gets in.
    pub way: Way,
}

macro_rules! shipped {
    ($folder:literal, $way:expr, $($name:literal),+ $(,)?) => {
        &[$(($name, $way, include_str!(concat!("../../../scenarios/", $folder, "/", $name, ".txt")))),+]
    };
}

const TYPED: &[(&str, Way, &str)] = shipped![
    "infections",
    Way::Session,
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

const SENT: &[(&str, Way, &str)] = shipped![
    "requests",
    Way::Request,
    "cgi-injection",
    "cgi-injection-script",
    "overrun-file",
    "overrun-memory",
];

/// All that are shipped.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenario = |(name, way, text): &(&str, Way, &str)| Scenario {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
        way: *way,
    };
    TYPED.iter().chain(SENT).map(scenario).collect()
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
    /// Is it a part of the learning run? What is not shows whether a policy holds for what it has not seen.
    pub learnt: bool,
}

/// Benign life that every image has; what it lacks fails without a defence, too, and does not count.
pub const BENIGN: &[Benign] = &[
    Benign { name: "processes", seconds: 10, command: "ps", learnt: true },
    Benign {
        name: "interfaces",
        seconds: 10,
        command: "ifconfig; route -n; cat /proc/net/arp",
        learnt: false,
    },
    Benign {
        name: "interface-up",
        seconds: 10,
        command: "ifconfig eth0 192.168.254.1 up && ping -c 1 192.168.254.1",
        learnt: true,
    },
    Benign {
        name: "read-configuration",
        seconds: 10,
        command: "ls -la /etc; cat /etc/passwd; cat /proc/mounts",
        learnt: false,
    },
    Benign {
        name: "save-configuration",
        seconds: 10,
        command: "cd /tmp && cp /etc/passwd saved.cfg && cat saved.cfg >> all.cfg && mv all.cfg saved.cfg && sync && rm saved.cfg",
        learnt: true,
    },
    Benign {
        name: "log-rotation",
        seconds: 10,
        command: "cd /tmp && echo line > a.log && mv a.log a.log.0 && gzip a.log.0; rm -f a.log.0 a.log.0.gz",
        learnt: false,
    },
    Benign { name: "syslog", seconds: 10, command: "logger -t benign hello", learnt: true },
    Benign { name: "cron-job", seconds: 10, command: "date; uptime; free; df", learnt: false },
    Benign {
        name: "script-made-at-run-time",
        seconds: 10,
        command: "echo 'echo made' > /tmp/made.sh && sh /tmp/made.sh; rm -f /tmp/made.sh",
        learnt: true,
    },
    Benign {
        name: "script-made-executable",
        seconds: 10,
        command: "printf '#!/bin/sh\\necho made\\n' > /tmp/made && chmod 755 /tmp/made && /tmp/made; rm -f /tmp/made",
        learnt: false,
    },
    Benign {
        name: "dhcp-script",
        seconds: 10,
        command: "echo nameserver 192.0.2.53 > /tmp/resolv.conf.benign; rm -f /tmp/resolv.conf.benign",
        learnt: true,
    },
    Benign {
        name: "time",
        seconds: 10,
        command: "date -s 2024.01.01-12:00 || date 010112002024",
        learnt: false,
    },
    Benign {
        name: "hot-plug",
        seconds: 10,
        command: "mkdir -p /tmp/usb && mount -t tmpfs none /tmp/usb && echo x > /tmp/usb/x && umount /tmp/usb; rmdir /tmp/usb",
        learnt: true,
    },
    Benign {
        name: "fetch-update",
        seconds: 20,
        command: "cd /tmp && wget -O image.bin http://192.0.2.10/image.bin; rm -f image.bin",
        learnt: false,
    },
    Benign {
        name: "change-setting",
        seconds: 15,
        command: "uci set system.@system[0].hostname=benign && uci commit system || nvram set kakoi_benign=1 && nvram commit",
        learnt: false,
    },
    Benign {
        name: "cron-restart",
        seconds: 15,
        command: "[ -x /etc/init.d/cron ] && /etc/init.d/cron restart || for p in $(pidof crond); do a=$(tr '\\0' ' ' < /proc/$p/cmdline); [ -n \"$a\" ] && kill $p && sleep 1 && $a; done",
        learnt: false,
    },
    Benign {
        name: "dhcp-restart",
        seconds: 20,
        command: "[ -x /etc/init.d/dnsmasq ] && /etc/init.d/dnsmasq restart || killall -HUP dnsmasq || killall -USR1 udhcpd || killall -USR1 udhcpc",
        learnt: false,
    },
    Benign {
        name: "wifi-restart",
        seconds: 20,
        command: "wifi down && wifi up || ifconfig wlan0 down && ifconfig wlan0 up || ifconfig ra0 down && ifconfig ra0 up",
        learnt: false,
    },
    Benign {
        name: "firmware-update",
        seconds: 25,
        command: "cd /tmp && echo no-image > new.bin; sysupgrade -T new.bin || fw_upgrade new.bin || fwupgrade new.bin || mtd verify new.bin firmware; rm -f new.bin",
        learnt: false,
    },
];

/// What ends the image: last.
const LAST: &[(&str, &str)] = &[(
    "factory-reset",
    "[ -x /sbin/firstboot ] && { echo y | firstboot; } || nvram default || nvram restore_default || nvram clear",
)];

/// What a guest acts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Half of benign life, for policies that are learnt.
    Learning,
    /// All of it, then the scenarios, then what ends the image.
    All,
}

/// The steps of a guest: benign life, pages of a web server, then the scenarios.
#[must_use]
pub fn steps(part: Part, pages: &[(u16, String)], scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    for step in BENIGN.iter().filter(|step| part == Part::All || step.learnt) {
        text.push_str(&format!("run {} {} {}\n", step.name, step.seconds, step.command));
    }
    for (number, (port, path)) in pages.iter().enumerate() {
        if part == Part::All || number % 2 == 0 {
            text.push_str(&format!("page page-{number} {port} {path}\n"));
        }
    }
    if part == Part::Learning {
        return text;
    }
    text.push_str("fixture\nsend benign-cgi request-cgi\nsend benign-cost request-cost\n");
    text.push_str("mark attacks\nlogin\n");
    for Scenario { name, way, .. } in scenarios {
        match way {
            Way::Session => text.push_str(&format!("type {name} typed-{name}\n")),
            Way::Request => text.push_str(&format!("send {name} typed-{name}\n")),
        }
    }
    text.push_str("mark last\nalive\n");
    for (name, command) in LAST {
        text.push_str(&format!("run {name} 30 {command}\n"));
    }
    text.push_str("reboot reboot\n");
    text
}

/// Was the step a part of the learning run?
#[must_use]
pub fn is_learnt(name: &str) -> bool {
    let page = name.strip_prefix("page-").and_then(|number| number.parse::<usize>().ok());
    page.is_some_and(|number| number % 2 == 0)
        || BENIGN.iter().any(|step| step.name == name && step.learnt)
}

/// Files that the steps name.
#[must_use]
pub fn files(scenarios: &[Scenario]) -> Vec<(String, Vec<u8>)> {
    let request = |name: &str, text: &str| (format!("request-{name}"), text.as_bytes().to_vec());
    let mut files =
        vec![request("cgi", "GET /cgi-bin/ping?host=127.0.0.1\n"), request("cost", "GET /cost\n")];
    files.extend(
        scenarios.iter().map(|one| (format!("typed-{}", one.name), one.text.clone().into_bytes())),
    );
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_run_sees_half_of_benign_life_and_no_attack() {
        let pages: Vec<(u16, String)> = (0..4).map(|n| (80, format!("/{n}.html"))).collect();
        let learning = steps(Part::Learning, &pages, &all());
        let whole = steps(Part::All, &pages, &all());
        assert!(learning.contains("page page-2 80 /2.html\n") && !learning.contains("page-1"));
        assert!(whole.contains("page-1") && whole.contains("type wget-loader typed-wget-loader"));
        assert!(!learning.contains("login") && !learning.contains("cgi"));
        assert!(is_learnt("page-2") && !is_learnt("page-1") && !is_learnt("firmware-update"));
        assert!(whole.ends_with("reboot reboot\n"));
    }
}
