// SPDX-License-Identifier: Apache-2.0
//! From the facts of an image to a policy: one domain for each service that starts at boot.
//!
//! Static knowledge comes from the start-up chain, from texts in programs, scripts and configuration, from
//! libraries, and from profiles of system calls. What was seen in runs is merged by [`Derived::observe`]. Every
//! line that a policy allows keeps where it comes from ([`Line`]): nothing is widened silently.
//!
//! Left out: services that are scripts (their shell enters no domain of its own, what it runs does), login
//! daemons (what descends from them is `remote-session`), and texts that a program puts together at run time.
//!
//! Invariant: pure. Contents are asked for by digest through [`Image::content`].

mod applet;
mod learnt;
mod refer;
mod render;
mod service;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::{ContainerId, Digest, Facts, FileRef, StartUp};
use serde::Serialize;

pub use learnt::{Learnt, Seen};
pub use render::render;

use tree::Tree;

/// What is derived from.
pub struct Image<'a> {
    /// Facts of a scan.
    pub facts: &'a Facts,
    /// Bytes of a content.
    pub content: &'a dyn Fn(&Digest) -> Option<Vec<u8>>,
    /// System calls of a program, where they could be found.
    pub profile: &'a dyn Fn(&FileRef) -> Option<Calls>,
}

/// System calls of one program.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// File with the profile, beside the policy.
    pub file: String,
    /// Names.
    pub names: BTreeSet<String>,
    /// First arguments of `socket` that hold on every path; empty when they may be anything.
    pub families: BTreeSet<u64>,
    /// Places that may make other calls.
    pub unresolved: usize,
}

/// Where a line of a policy is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// From the image, without running it.
    Static,
    /// From a run.
    Observed,
    /// From both.
    Both,
}

/// One allowed thing and its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Where it is known from.
    pub known: Known,
    /// Where that can be seen again.
    pub evidence: String,
}

/// Lines by what they allow.
pub type Lines = BTreeMap<String, Line>;

/// The domain of one service.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Service {
    /// Name of the domain.
    pub name: String,
    /// Program or applet that enters it.
    pub enter: String,
    /// How it is started at boot.
    pub start: String,
    /// Files that may be read.
    pub read: Lines,
    /// Files that may be changed.
    pub write: Lines,
    /// Programs that may be run.
    pub exec: Lines,
    /// Programs on files that are not trusted content, which it was seen to run.
    pub dropped: Lines,
    /// What may be bound.
    pub bind: Lines,
    /// What may be connected to.
    pub connect: Lines,
    /// Address families.
    pub families: Lines,
    /// Capabilities.
    pub capabilities: Lines,
    /// Profile of system calls: file, calls, places that are not resolved.
    pub syscalls: Option<(String, usize, usize)>,
    /// What the image does not tell.
    pub gaps: Vec<String>,
}

/// A derived policy.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Derived {
    /// Name of the image.
    pub image: String,
    /// Can the root file system be written on the device?
    pub writable: bool,
    /// Domains, by name.
    pub services: Vec<Service>,
    /// Login daemons of the image.
    pub logins: Vec<String>,
    /// Services without a domain, and why.
    pub left_out: Vec<String>,
}

/// Why nothing could be derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing(pub String);

impl std::fmt::Display for Nothing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Nothing {}

/// Most domains of services in one policy; the language has room for 64 in all.
const MOST: usize = 56;
/// What waits for remote logins.
const LOGINS: &[&str] = &[
    "telnetd",
    "utelnetd",
    "in.telnetd",
    "dropbear",
    "sshd",
    "sshd-session",
    "adbd",
    "rlogind",
    "rshd",
];

/// The root file system that starts most at boot.
#[must_use]
pub fn main_root(facts: &Facts) -> Option<ContainerId> {
    let roots: Vec<ContainerId> =
        facts.containers().filter(|container| container.root).map(|found| found.id).collect();
    let weight = |root: &ContainerId| {
        let within = |start: &&StartUp| {
            let places = start.chain.iter().filter_map(|step| step.file.as_ref());
            start.program.iter().chain(places).any(|place| place.container == *root)
        };
        (facts.start_ups().filter(within).count(), std::cmp::Reverse(root.0))
    };
    roots.into_iter().max_by_key(weight)
}

/// Derives a policy.
///
/// # Errors
/// There is no root file system. Where nothing starts at boot and stays, only sessions are held.
pub fn derive(image: &Image<'_>) -> Result<Derived, Nothing> {
    let root = main_root(image.facts)
        .ok_or_else(|| Nothing("no root file system was found in the image".to_owned()))?;
    let tree = Tree::new(image, root);
    let mut derived = Derived {
        image: image.facts.image().map(|line| line.name.clone()).unwrap_or_default(),
        writable: tree.writable,
        ..Derived::default()
    };
    let mut wanted: BTreeMap<String, Vec<&StartUp>> = BTreeMap::new();
    for start in image.facts.start_ups().filter(|start| start.service || !start.listens.is_empty())
    {
        if start.program.as_ref().is_some_and(|program| program.container != root) {
            continue;
        }
        match service::enter(&tree, start) {
            Ok(enter) => wanted.entry(enter).or_default().push(start),
            Err(why) => {
                let line = format!("{}: {why}", start.command);
                if is_login(&start.command) {
                    derived.logins.push(base(&start.command).to_owned());
                } else if !derived.left_out.contains(&line) {
                    derived.left_out.push(line);
                }
            }
        }
    }
    derived.logins.sort();
    derived.logins.dedup();
    let mut names = BTreeSet::new();
    for (enter, starts) in wanted.into_iter().take(MOST) {
        derived.services.push(service::derive(&tree, &enter, &starts, &mut names));
    }
    Ok(derived)
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_login(command: &str) -> bool {
    LOGINS.contains(&base(command))
}

impl Derived {
    /// Lines that allow something, by where they are known from: static, observed, both.
    #[must_use]
    pub fn shares(&self) -> [usize; 3] {
        let mut shares = [0; 3];
        for line in self.services.iter().flat_map(Service::lines) {
            let place = match line.known {
                Known::Static => 0,
                Known::Observed => 1,
                Known::Both => 2,
            };
            if let Some(count) = shares.get_mut(place) {
                *count += 1;
            }
        }
        shares
    }
}

impl Service {
    /// Every line.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        [&self.read, &self.write, &self.exec, &self.dropped, &self.bind, &self.connect]
            .into_iter()
            .chain([&self.families, &self.capabilities])
            .flat_map(BTreeMap::values)
    }
}

#[cfg(test)]
mod tests;
