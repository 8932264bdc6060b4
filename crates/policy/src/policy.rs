// SPDX-License-Identifier: Apache-2.0
//! A checked policy. Holding one proves that it was read without errors and that every name in it
//! stands for something; not that it protects anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::pattern::Pattern;
use crate::place::Place;
use crate::words::{Action, Control, Program, Protect, Remote, Trust};

/// Name of the domain that every task is in, made from `[provenance]`.
pub const EVERYONE: &str = "everyone";

/// A whole policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name, for people.
    pub name: String,
    /// Log only, whatever the rules say.
    pub audit: bool,
    /// Which programs are of which kind: the built-in lists and the policy's own.
    pub programs: BTreeMap<Program, BTreeSet<Pattern>>,
    /// Which files a change of is what kind of tampering.
    pub protect: BTreeMap<Protect, BTreeSet<Pattern>>,
    /// Processes that held ones may not signal or trace.
    pub processes: BTreeSet<Pattern>,
    /// What an authorised override lifts.
    pub maintenance: Option<Override>,
    /// Domains: sessions first, then services in the order of the file, last [`EVERYONE`].
    pub domains: Vec<Domain>,
    /// SHA-256 of the text.
    pub digest: kakoi_model::Digest,
}

/// An authorised maintenance override (requirement D-9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Controls that it lifts.
    pub lifts: BTreeSet<Control>,
    /// Indices of the domains that it lifts them in.
    pub domains: BTreeSet<usize>,
    /// Longest time, in minutes.
    pub minutes: u32,
    /// Who may grant it: `console`, or `key:` and the hexadecimal Ed25519 public key.
    pub authority: Vec<String>,
}

impl Override {
    /// Ed25519 public keys that may sign for it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = [u8; 32]> {
        self.authority.iter().filter_map(|word| {
            let digits = word.strip_prefix("key:")?;
            let mut key = [0; 32];
            for (index, byte) in key.iter_mut().enumerate() {
                *byte = u8::from_str_radix(digits.get(index * 2..index * 2 + 2)?, 16).ok()?;
            }
            Some(key)
        })
    }
}

/// One domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Domain {
    /// Its name: 1 to 31 letters, digits and dashes.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it stands.
    pub place: Place,
    /// Never left: entered as a session.
    pub sticky: bool,
    /// Every task is in it.
    pub everyone: bool,
    /// What its members write is dropped content.
    pub taints: bool,
    /// Login daemons whose sessions enter it.
    pub daemons: Option<BTreeSet<Pattern>>,
    /// What a remote session looks like.
    pub remote: BTreeSet<Remote>,
    /// Programs that enter it.
    pub enter: Option<BTreeSet<Pattern>>,
    /// Indices of the domains from which it is entered; empty: from anywhere.
    pub parents: BTreeSet<usize>,
    /// Indices of the domains that are left for it.
    pub replaces: BTreeSet<usize>,
    /// What its self-protection covers.
    pub protect: BTreeSet<Protect>,
    /// Capabilities that it may use, by number; none: any.
    pub capabilities: BTreeSet<u8>,
    /// Address families that it may use, by number.
    pub families: BTreeSet<u8>,
    /// Addresses that it may bind and connect to.
    pub nets: Vec<Net>,
    /// Profile of system calls, and what the filter does: `errno`, `kill`, `log`.
    pub syscalls: Option<(String, String)>,
    /// Its rules.
    pub rules: BTreeMap<Control, Rule>,
}

/// One rule: what a domain does about one control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What to do.
    pub action: Action,
    /// Log only.
    pub audit: bool,
    /// What a refused call returns.
    pub error: u8,
    /// Number in the order of the file; unique in a policy.
    pub id: u16,
    /// Where it stands.
    pub place: Place,
    /// What it does not judge.
    pub except: Option<BTreeSet<Pattern>>,
    /// All that it judges.
    pub only: Option<BTreeSet<Pattern>>,
    /// Content that counts as trusted.
    pub trust: BTreeSet<Trust>,
    /// Paths that count as trusted.
    pub trusted: Option<BTreeSet<Pattern>>,
    /// `grant-exec`: the x bits of directories too.
    pub directories: bool,
}

/// One network rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Net {
    /// For binding; otherwise for connecting.
    pub bind: bool,
    /// `IPPROTO_*`; 0 for any.
    pub protocol: u8,
    /// `AF_*`; 0 for any.
    pub family: u8,
    /// First port.
    pub low: u16,
    /// Last port.
    pub high: u16,
    /// Bits of the address that count.
    pub prefix: u8,
    /// Network order; IPv4 in the first four.
    pub address: [u8; 16],
}

impl Policy {
    /// Index of a domain by its name.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<usize> {
        self.domains.iter().position(|domain| domain.name == name)
    }

    /// The rule with this number, with its domain and control.
    #[must_use]
    pub fn rule(&self, id: u16) -> Option<(&Domain, Control, &Rule)> {
        let all = self.domains.iter().flat_map(|domain| {
            domain.rules.iter().map(move |(control, rule)| (domain, *control, rule))
        });
        all.into_iter().find(|(_, _, rule)| rule.id == id)
    }

    /// Kinds of the program at a path, or of an applet.
    #[must_use]
    pub fn kinds(&self, is_it: impl Fn(&Pattern) -> bool) -> BTreeSet<Program> {
        let of = |(kind, patterns): (&Program, &BTreeSet<Pattern>)| {
            patterns.iter().any(&is_it).then_some(*kind)
        };
        self.programs.iter().filter_map(of).collect()
    }
}
