// SPDX-License-Identifier: Apache-2.0
//! Learning: a policy under which everything is judged and happens, and what its events say that services need.

use kakoi_arena::guest::Outcome;
use kakoi_policy::derive::{Derived, Learnt, Seen};

/// What the arena itself brings is used by every program of the image: its library, and the settings that this keeps.
pub fn shim(derived: &Derived) -> Learnt {
    const KEPT: &str = "/tmp/.nvram/**";
    let uses =
        [("files.read", kakoi_arena::rootfs::SHIM), ("files.read", KEPT), ("files.write", KEPT)];
    let of = |name: &String| {
        let name = name.clone();
        uses.map(|(control, what)| Seen {
            domain: name.clone(),
            control: control.to_owned(),
            what: what.to_owned(),
        })
    };
    derived.services.iter().flat_map(|service| of(&service.name)).collect()
}

/// A policy under which everything that services do is judged and let happen: lists are empty, and only log.
pub(super) fn watching(derived: &Derived) -> String {
    let mut text = String::from("kakoi = 1\nname = \"learn\"\nmode = \"audit\"\n");
    for service in &derived.services {
        let others: Vec<String> = derived
            .services
            .iter()
            .filter(|other| other.name != service.name)
            .map(|other| format!("{:?}", other.name))
            .collect();
        text.push_str(&format!("\n[domain.{}]\nenter.exec = {:?}\n", service.name, service.enter));
        if !others.is_empty() {
            text.push_str(&format!("enter.replaces = [{}]\n", others.join(", ")));
        }
        text.push_str(
            "files.read = []\nfiles.write = []\nexec = []\nnetwork.bind = []\nnetwork.connect = []\n\
             network.families = []\ncapabilities = []\n\
             exec-outside = { action = \"audit\", trusted = [\"rootfs\", \"verity\"] }\n",
        );
    }
    text
}

#[derive(serde::Deserialize)]
struct Event {
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    domain: String,
    op: String,
    control: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    capability: Option<usize>,
    /// The open was for writing, too.
    #[serde(default)]
    write: bool,
    /// What is run lies on no file system that is trusted.
    #[serde(default)]
    untrusted: bool,
    #[serde(default)]
    family: u8,
    #[serde(default)]
    port: u16,
}

fn is_multi_call(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("busybox") || name.starts_with("toybox")
}

/// Applets of a multi-call program that a process ran, from the record of programs.
fn applets(outcome: &Outcome, pid: u32, path: &str) -> Vec<String> {
    let pid = format!("{pid} ");
    let runs = outcome.all("exec").filter_map(|text| text.strip_prefix(pid.as_str()));
    runs.filter_map(|text| {
        let mut words = text.split_whitespace();
        let program = words.next().filter(|program| *program == path)?;
        let called = words.next().unwrap_or(program);
        let base = called.rsplit('/').next().unwrap_or(called).trim_start_matches('-');
        let applet = if is_multi_call(base) { words.next()? } else { base };
        Some(format!("busybox:{applet}"))
    })
    .collect()
}

/// What events of a watching policy say.
pub(super) fn learnt(outcome: &Outcome, writable: bool) -> Learnt {
    let mut learnt = Learnt::new();
    for text in outcome.all("event") {
        let Ok(event) = serde_json::from_str::<Event>(text) else { continue };
        // An event names the first control that would have refused; what the second would have said it tells, too.
        let also = match event.control.as_str() {
            "files.read" if event.write => Some("files.write"),
            "exec.allow" if event.untrusted && !writable => Some("exec-outside"),
            _ => None,
        };
        let mut put = |what: String| {
            let controls = std::iter::once(event.control.as_str()).chain(also);
            for control in controls.filter(|_| !what.is_empty()) {
                learnt.insert(Seen {
                    domain: event.domain.clone(),
                    control: control.to_owned(),
                    what: what.clone(),
                });
            }
        };
        match event.op.as_str() {
            "bind" | "connect" => {
                // Sockets of the file system have no port.
                match event.family {
                    1 => put("any:0".to_owned()),
                    2 | 10 => put(format!("any:{}", event.port)),
                    _ => {}
                }
            }
            "socket" => {
                let known =
                    kakoi_policy::FAMILIES.iter().find(|(_, number)| *number == event.family);
                put(known.map(|(name, _)| (*name).to_owned()).unwrap_or_default());
            }
            "capable" => {
                let named = |number: usize| kakoi_policy::CAPABILITIES.get(number);
                let name = event.capability.and_then(named);
                put(name.map(|name| (*name).to_owned()).unwrap_or_default());
            }
            // A multi-call program is allowed by applet, never as a whole.
            "exec" if is_multi_call(&event.path) => {
                applets(outcome, event.pid, &event.path).into_iter().for_each(&mut put);
            }
            "exec" => put(event.path.clone()),
            _ => {
                put(event.path.clone());
                put(event.target.clone());
            }
        }
    }
    learnt
}
