// SPDX-License-Identifier: Apache-2.0
//! Services that listen once the device has booted, or could.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{
    Evidence, File, FileKind, FileRef, Listener, Observed, StartCertainty, StartMechanism, StartUp,
};

use crate::Root;
use crate::start_up::{KnownService, find_service};

const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "hush", "/bin/sh", "/bin/ash", "/bin/bash"];

/// Identity of a listener: service, port, program.
type Key = (String, Option<String>, Option<FileRef>);

/// Services that listen once the device has booted, or could; ordered by service and port.
pub fn find_listeners(root: &Root<'_>, start_ups: &[StartUp]) -> Vec<Listener> {
    let mut listeners: BTreeMap<Key, Listener> = BTreeMap::new();
    let mut started: BTreeSet<&str> = BTreeSet::new();
    for start_up in start_ups {
        let name = name_of(start_up);
        started.insert(name);
        for listener in of_start_up(start_up, name) {
            add(&mut listeners, listener);
        }
    }
    for file in root.files() {
        for listener in of_program(root, file, &started) {
            add(&mut listeners, listener);
        }
    }
    listeners.into_values().collect()
}

fn add(listeners: &mut BTreeMap<Key, Listener>, listener: Listener) {
    let key = (listener.service.clone(), listener.port.clone(), listener.program.clone());
    match listeners.get_mut(&key) {
        None => drop(listeners.insert(key, listener)),
        Some(known)
            if !known.starts_at_boot.is_present() && listener.starts_at_boot.is_present() =>
        {
            *known = listener;
        }
        Some(_) => {}
    }
}

/// The name that decides what a program is: its applet, or the last part of the command.
fn name_of(start_up: &StartUp) -> &str {
    match &start_up.applet {
        Some(applet) => applet,
        None => start_up.command.rsplit('/').next().unwrap_or_default(),
    }
}

fn of_start_up(start_up: &StartUp, name: &str) -> Vec<Listener> {
    if let Some(service) = of_console(start_up, name) {
        return vec![listener(start_up, service, None)];
    }
    let known = find_service(name).filter(|known| !known.service.is_empty());
    let usual = known.map(|known| known.service);
    let Some(service) = of_shell(start_up, name).or(usual).or(of_port(start_up)) else {
        return Vec::new();
    };
    if known.is_some() && !start_up.service {
        // `dnsmasq --version` and its like.
        return Vec::new();
    }
    if start_up.listens.is_empty() {
        return vec![listener(start_up, service, None)];
    }
    let ports = start_up.listens.iter();
    ports.map(|port| listener(start_up, refine(service, port), Some(port.clone()))).collect()
}

/// A remote shell that asks for nothing: `telnetd -l /bin/sh`, `nc -l -e /bin/sh`.
fn of_shell(start_up: &StartUp, name: &str) -> Option<&'static str> {
    let mut pairs = start_up.arguments.windows(2);
    let hands_out =
        |option: &str, shell: &str| matches!(option, "-l" | "-e" | "-c") && SHELLS.contains(&shell);
    let attached = start_up.arguments.iter().any(|word| {
        word.strip_prefix("-l").is_some_and(|shell| SHELLS.contains(&shell) && shell.len() > 1)
    });
    let remote = matches!(name, "telnetd" | "utelnetd" | "in.telnetd" | "nc" | "netcat" | "ncat");
    (remote && (attached || pairs.any(|pair| hands_out(&pair[0], &pair[1]))))
        .then_some("debug-shell")
}

/// A shell on the serial console that asks for no name.
fn of_console(start_up: &StartUp, name: &str) -> Option<&'static str> {
    if start_up.mechanism != StartMechanism::Inittab || !start_up.service {
        return None;
    }
    let shell = SHELLS.contains(&name);
    let mut pairs = start_up.arguments.windows(2);
    let getty = name.ends_with("getty")
        && pairs.any(|pair| pair[0] == "-l" && SHELLS.contains(&pair[1].as_str()));
    (shell || getty).then_some("serial-console")
}

fn of_port(start_up: &StartUp) -> Option<&'static str> {
    (!start_up.listens.is_empty()).then_some("unknown")
}

fn refine<'s>(service: &'s str, port: &str) -> &'s str {
    match (service, port) {
        ("http", "tcp:443" | "tcp:8443") => "https",
        ("dns", "udp:67") => "dhcp",
        _ => service,
    }
}

fn listener(start_up: &StartUp, service: &str, port: Option<String>) -> Listener {
    // What inetd starts on connection listens as soon as inetd runs.
    let by_inetd = start_up.mechanism == StartMechanism::Inetd;
    let starts_at_boot = match start_up.certainty {
        StartCertainty::Always => Observed::Present(()),
        StartCertainty::Conditional if by_inetd => Observed::Present(()),
        StartCertainty::Conditional => {
            Observed::undetermined("conditional-start", "It starts under a condition.")
        }
        StartCertainty::Possible => Observed::undetermined(
            "named-only",
            "A program that starts at boot names it; when it runs is not known.",
        ),
    };
    Listener {
        service: service.to_owned(),
        port,
        program: start_up.program.clone(),
        starts_at_boot,
        evidence: start_up.chain.clone(),
    }
}

/// A service that is there, but whose start was not seen.
fn of_program(root: &Root<'_>, file: &File, started: &BTreeSet<&str>) -> Vec<Listener> {
    let Ok(name) = std::str::from_utf8(file.path.file_name()) else { return Vec::new() };
    let parent = file.path.parent().unwrap_or_default();
    let in_path = matches!(parent.file_name(), b"bin" | b"sbin");
    let Some(known) = find_service(name).filter(|known| !known.service.is_empty() && in_path)
    else {
        return Vec::new();
    };
    let target = root.file(&file.path);
    let runs = target.is_some_and(|target| {
        matches!(target.kind, FileKind::Regular { .. })
            && target.mode.is_none_or(|mode| mode & 0o111 != 0)
    });
    if !runs || started.contains(name) {
        return Vec::new();
    }
    let program = target.map(|target| root.place(&target.path));
    vec![unseen(root, file, known, program)]
}

fn unseen(
    root: &Root<'_>,
    file: &File,
    known: &KnownService,
    program: Option<FileRef>,
) -> Listener {
    Listener {
        service: known.service.to_owned(),
        port: known.ports.first().map(|port| (*port).to_owned()),
        program,
        starts_at_boot: Observed::undetermined(
            "no-start-seen",
            "The program is in the image; nothing was seen to start it.",
        ),
        evidence: vec![
            Evidence::new(format!("{} is present", known.program)).in_file(root.place(&file.path)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;
    use crate::start_up::find_start_ups;

    #[test]
    fn shells_without_a_login_are_told_from_services() {
        let tree = Sketch::new()
            .file("/bin/busybox", 0o755, "\x7fELF BusyBox v1")
            .link("/sbin/init", "/bin/busybox")
            .link("/bin/sh", "/bin/busybox")
            .link("/bin/login", "/bin/busybox")
            .link("/usr/sbin/telnetd", "/bin/busybox")
            .link("/usr/sbin/ftpd", "/bin/busybox")
            .file("/etc/inittab", 0o644, "ttyS0::askfirst:-/bin/sh\nttyS1::respawn:/bin/login\n::once:telnetd -l /bin/sh -p 9999\n::once:telnetd\n");
        let root = tree.root();
        let found: Vec<String> = find_listeners(&root, &find_start_ups(&root))
            .iter()
            .map(|listener| {
                let port = listener.port.as_deref().unwrap_or("-");
                format!("{} {port} {}", listener.service, listener.starts_at_boot.is_present())
            })
            .collect();
        assert_eq!(
            found,
            [
                "debug-shell tcp:9999 true",
                "ftp tcp:21 false",
                "serial-console - true",
                "telnet tcp:23 true"
            ]
        );
    }
}
