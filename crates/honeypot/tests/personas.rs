// SPDX-License-Identifier: Apache-2.0
//! Personas of other architectures: what tells a honeypot from a device, and what is recorded. Needs `make personas`,
//! qemu-user-static, and Linux 6.7 or later.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rig;

use std::fs;
use std::path::Path;

use rig::{Client, Honeypot, calls_of};

/// Name, what `uname -m` says, a word of its /proc/cpuinfo, total memory that `free` shows.
const PERSONAS: [(&str, &str, &str, &str); 3] = [
    ("mipsel-router", "mips", "MediaTek MT7621", "124852"),
    ("arm-recorder", "armv7l", "hi3520d", "61024"),
    ("aarch64-router", "aarch64", "0xd03", "507236"),
];

/// What a session must not show, by the line that would show it. A new tell is one line.
const TELLS: [(&str, &[&str]); 8] = [
    ("ps; ps w", &["qemu", "kakoi", "keep-cells"]),
    ("cat /proc/mounts", &["binfmt", "/proc/", "lowerdir=/tmp", "kakoi"]),
    ("cat /proc/self/mountinfo; mount", &["binfmt", " /proc/", "kakoi"]),
    ("ls -l /proc/1/exe /proc/self/exe /proc/$$/exe", &["qemu", "kakoi"]),
    ("cat /proc/1/cmdline; cat /proc/$$/cmdline | tr '\\000' ' '", &["qemu", "kakoi"]),
    ("cat /proc/version /proc/sys/kernel/osrelease; uname -a", &["6.", "x86_64", "Debian"]),
    (
        "cat /proc/cpuinfo /proc/modules /proc/cmdline",
        &["GenuineIntel", "AuthenticAMD", "virtio", "root=/dev/vd"],
    ),
    ("env; hostname; cat /proc/self/cgroup", &["QEMU", "kakoi", "docker"]),
];

fn start(name: &str) -> Honeypot {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/personas").join(name);
    let text = fs::read_to_string(place.join("persona.toml"));
    let text =
        text.unwrap_or_else(|error| panic!("{}: {error}; run `make personas`", place.display()));
    let busybox = format!("busybox = '{}'", place.join("busybox").display());
    let text = text.replace("busybox = \"busybox\"", &busybox);
    Honeypot::start(&format!("failure_delay_ms = 0\npool = 1\n{text}"))
}

#[test]
fn a_session_looks_like_the_device_and_is_recorded_by_line() {
    for (name, machine, processor, memory) in PERSONAS {
        let honeypot = start(name);
        let mut client = Client::log_in(&honeypot);
        let mut typed = 0;
        let mut shows = |line: &str| {
            typed += 1;
            client.type_line(line)
        };
        let shown = shows("uname -m");
        assert_eq!(shown.lines().next().unwrap().trim(), machine, "{name}: {shown}");
        assert!(shows("cat /proc/cpuinfo").contains(processor), "{name}");
        let shown = shows("free");
        assert!(shown.contains(memory), "{name}: {shown}");
        for (line, tells) in TELLS {
            let shown = shows(line);
            for tell in tells {
                assert!(!shown.contains(tell), "{name}: {line} shows {tell}: {shown}");
            }
        }
        shows("cd /tmp; cp /bin/busybox x; chmod 777 x");
        let line = typed;
        client.end();
        let events = honeypot.settled(1);
        assert_eq!(
            events[1]["architecture"].as_str().or(events[0]["architecture"].as_str()),
            Some(machine)
        );
        // AArch64 has no chmod(2).
        let granted = ["chmod", "fchmodat"].iter().flat_map(|call| calls_of(&events, call, "x"));
        let lines: Vec<_> = granted.map(|call| call["line"].as_u64().unwrap()).collect();
        assert!(!lines.is_empty() && lines.iter().all(|own| *own == line), "{name}: {lines:?}");
    }
}
