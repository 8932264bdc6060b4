// SPDX-License-Identifier: Apache-2.0
//! `policy.kkb`: writing it, and checking one as `kk_check` does.

use std::collections::{BTreeMap, BTreeSet};

use super::automaton::{Automaton, Meaning, TooLarge, build};
use super::layout as at;
use crate::pattern::Pattern;
use crate::policy::{Domain, Net, Policy, Rule};
use crate::words::{Action, Control, Op};

/// Why a checked policy could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileError {
    /// Its patterns need more states than an automaton may have; fewer `**` and `*` help.
    Automaton,
    /// It is larger than [`at::BLOB_MAX`], this many bytes.
    Size(usize),
    /// It has more distinct lists of patterns than there are labels.
    Lists(usize),
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Automaton => {
                f.write_str("the patterns together are too complex; fewer `*` and `**` help")
            }
            Self::Size(size) => {
                write!(f, "the compiled policy has {size} bytes, at most {} fit", at::BLOB_MAX)
            }
            Self::Lists(count) => {
                write!(f, "{count} distinct lists of patterns, at most {} fit", at::LABELS)
            }
        }
    }
}

impl std::error::Error for CompileError {}

/// One seccomp filter: instructions of classic BPF for one domain and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Index of the domain.
    pub domain: u32,
    /// `AUDIT_ARCH_*`.
    pub architecture: u32,
    /// `code`, `jt`, `jf`, `k` (`struct sock_filter`).
    pub instructions: Vec<(u16, u8, u8, u32)>,
}

/// Compiles a policy.
///
/// # Errors
/// It is too large or too complex.
pub fn compile(policy: &Policy) -> Result<Vec<u8>, CompileError> {
    compile_with(policy, &[])
}

/// Compiles a policy together with the filters of system calls of its domains.
///
/// # Errors
/// It is too large or too complex.
pub fn compile_with(policy: &Policy, filters: &[Filter]) -> Result<Vec<u8>, CompileError> {
    let labels = Labels::of(policy)?;
    let automaton = build(labels.meanings(policy)).map_err(|TooLarge| CompileError::Automaton)?;
    let mut blob = Blob(vec![0; at::HEADER]);
    blob.header(policy);
    blob.domains(policy, &labels);
    blob.classes(&automaton);
    blob.automaton(&automaton);
    blob.nets(policy);
    blob.filters(filters);
    blob.authority(policy);
    blob.seal()
}

/// Numbers of distinct lists of patterns.
struct Labels<'a>(BTreeMap<&'a BTreeSet<Pattern>, u16>);

impl<'a> Labels<'a> {
    fn of(policy: &'a Policy) -> Result<Self, CompileError> {
        let mut lists = BTreeSet::new();
        for domain in &policy.domains {
            lists.extend(domain.daemons.iter().chain(&domain.enter));
            for rule in domain.rules.values() {
                lists.extend(rule.except.iter().chain(&rule.only).chain(&rule.trusted));
            }
        }
        if lists.len() > at::LABELS {
            return Err(CompileError::Lists(lists.len()));
        }
        Ok(Self(lists.into_iter().zip(0..).collect()))
    }

    fn label(&self, list: Option<&BTreeSet<Pattern>>) -> u16 {
        list.and_then(|list| self.0.get(list)).copied().unwrap_or(at::NONE as u16)
    }

    fn meanings(&self, policy: &'a Policy) -> impl Iterator<Item = (&'a Pattern, Meaning)> {
        let labels = self.0.iter().flat_map(|(list, label)| {
            list.iter().map(move |pattern| (pattern, Meaning::Label(*label)))
        });
        let programs = policy.programs.iter().flat_map(|(kind, list)| {
            list.iter().map(move |pattern| (pattern, Meaning::Program(kind.number())))
        });
        let protect = policy.protect.iter().flat_map(|(kind, list)| {
            list.iter().map(move |pattern| (pattern, Meaning::Protect(kind.number())))
        });
        labels.chain(programs).chain(protect).collect::<Vec<_>>().into_iter()
    }
}

/// Bytes that grow; numbers are little-endian.
struct Blob(Vec<u8>);

impl Blob {
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn put16(&mut self, offset: usize, value: u16) {
        self.put(offset, &value.to_le_bytes());
    }

    fn put32(&mut self, offset: usize, value: u32) {
        self.put(offset, &value.to_le_bytes());
    }

    fn mask(&mut self, offset: usize, bits: impl Iterator<Item = usize>) {
        let mask = bits.filter(|bit| *bit < 64).fold(0_u64, |mask, bit| mask | 1 << bit);
        self.put(offset, &mask.to_le_bytes());
    }

    /// Room at the end, and its offset written into the header.
    fn table(&mut self, field: usize, bytes: usize) -> usize {
        let offset = self.0.len();
        self.0.resize(offset + bytes.next_multiple_of(4), 0);
        self.put32(field, offset as u32);
        offset
    }

    fn header(&mut self, policy: &Policy) {
        self.put32(at::H_MAGIC, at::MAGIC as u32);
        self.put16(at::H_VERSION, at::VERSION as u16);
        self.put16(at::H_FLAGS, if policy.audit { at::PF_AUDIT as u16 } else { 0 });
        let which = |wanted: fn(&Domain) -> bool| {
            policy
                .domains
                .iter()
                .enumerate()
                .filter(move |(_, domain)| wanted(domain))
                .map(|(index, _)| index)
        };
        self.mask(at::H_EVERYONE, which(|domain| domain.everyone));
        self.mask(at::H_UNKNOWN, which(|domain| domain.sticky));
        self.mask(at::H_STICKY, which(|domain| domain.sticky));
        self.mask(at::H_TAINTING, which(|domain| domain.taints));
        if let Some(granted) = &policy.maintenance {
            self.mask(at::H_OVERRIDE, granted.domains.iter().copied());
            self.put32(
                at::H_OVERRIDE_CONTROLS,
                bits(granted.lifts.iter().map(|control| control.number())),
            );
        }
        let judged = policy.domains.iter().any(|domain| {
            domain.everyone && domain.rules.values().any(|rule| rule.action != Action::Allow)
        });
        let ops = [Op::Exec, Op::MapExec, Op::Open];
        self.put32(at::H_EVERYONE_OPS, bits(ops.iter().filter(|_| judged).map(|op| op.number())));
        let digest: &[u8; 32] = policy.digest.as_bytes();
        self.put(at::H_DIGEST, &digest[..16]);
    }

    /// Who may grant an override. More keys than there is room for were refused when the policy was read.
    fn authority(&mut self, policy: &Policy) {
        let Some(granted) = &policy.maintenance else { return };
        let keys: Vec<[u8; 32]> = granted.keys().take(at::KEYS).collect();
        let start = self.table(at::H_AUTHORITY, at::AUTHORITY + keys.len() * at::KEY);
        self.put32(start, granted.authority.iter().any(|word| word == "console").into());
        self.put32(start + 4, keys.len() as u32);
        for (index, key) in keys.iter().enumerate() {
            self.put(start + at::AUTHORITY + index * at::KEY, key);
        }
    }

    fn domains(&mut self, policy: &Policy, labels: &Labels) {
        let start = self.table(at::H_DOMAINS, policy.domains.len() * at::DOMAIN);
        self.put16(at::H_N_DOMAINS, policy.domains.len() as u16);
        for (index, domain) in policy.domains.iter().enumerate() {
            self.domain(start + index * at::DOMAIN, domain, labels);
        }
    }

    fn domain(&mut self, start: usize, domain: &Domain, labels: &Labels) {
        let name = domain.name.as_bytes();
        self.put(start + at::D_NAME, &name[..name.len().min(31)]);
        let by_parent = domain.enter.is_none() && !domain.parents.is_empty();
        let flags = if by_parent { at::DF_BY_PARENT } else { 0 }
            | if domain.everyone { at::DF_EVERYONE } else { 0 };
        self.put32(start + at::D_FLAGS, flags as u32);
        self.mask(start + at::D_PARENTS, domain.parents.iter().copied());
        self.mask(start + at::D_REPLACES, domain.replaces.iter().copied());
        self.put16(start + at::D_ENTER, labels.label(domain.enter.as_ref()));
        self.put16(start + at::D_DAEMONS, labels.label(domain.daemons.as_ref()));
        self.put32(start + at::D_REMOTE, bits(domain.remote.iter().map(|remote| remote.number())));
        self.put32(start + at::D_PROTECT, bits(domain.protect.iter().map(|kind| kind.number())));
        self.mask(
            start + at::D_CAPS,
            domain.capabilities.iter().map(|number| usize::from(*number)),
        );
        self.mask(
            start + at::D_FAMILIES,
            domain.families.iter().map(|number| usize::from(*number)),
        );
        for control in Control::ALL {
            let place = start + at::D_RULES + usize::from(control.number()) * at::RULE;
            self.rule(place, domain.rules.get(control), labels);
        }
    }

    fn rule(&mut self, start: usize, rule: Option<&Rule>, labels: &Labels) {
        for field in [at::R_EXCEPT, at::R_ONLY, at::R_TRUSTED] {
            self.put16(start + field, at::NONE as u16);
        }
        let Some(rule) = rule else { return };
        let flags = if rule.audit { at::RF_AUDIT } else { 0 }
            | if rule.directories { at::RF_DIRECTORIES } else { 0 };
        let trust = bits(rule.trust.iter().map(|trust| trust.number()));
        self.put(
            start + at::R_ACTION,
            &[rule.action.number(), flags as u8, rule.error, trust as u8],
        );
        self.put16(start + at::R_ID, rule.id);
        self.put16(start + at::R_EXCEPT, labels.label(rule.except.as_ref()));
        self.put16(start + at::R_ONLY, labels.label(rule.only.as_ref()));
        self.put16(start + at::R_TRUSTED, labels.label(rule.trusted.as_ref()));
    }

    fn classes(&mut self, automaton: &Automaton) {
        let start = self.table(at::H_CLASSES, automaton.classes.len() * at::CLASS);
        self.put16(at::H_N_CLASSES, automaton.classes.len() as u16);
        for (index, class) in automaton.classes.iter().enumerate() {
            let start = start + index * at::CLASS;
            let (mut program, mut protect) = (0_u16, 0_u16);
            let mut labels = [0_u32; at::LABELS / 32];
            for meaning in class {
                match *meaning {
                    Meaning::Program(number) => program |= 1 << number,
                    Meaning::Protect(number) => protect |= 1 << number,
                    Meaning::Label(label) => labels[usize::from(label) / 32] |= 1 << (label % 32),
                }
            }
            self.put16(start + at::K_PROGRAM, program);
            self.put16(start + at::K_PROTECT, protect);
            for (word, value) in labels.iter().enumerate() {
                self.put32(start + at::K_LABELS + word * 4, *value);
            }
        }
    }

    /// Rows are laid over each other where they have no edge in the same place (the comb of Aho,
    /// Sethi and Ullman, 3.9): a state costs its own edges, not 256.
    fn automaton(&mut self, automaton: &Automaton) {
        let (bases, edges) = pack(automaton);
        let start = self.table(at::H_STATES, automaton.states.len() * at::STATE);
        self.put16(at::H_N_STATES, automaton.states.len() as u16);
        for (index, (state, base)) in automaton.states.iter().zip(bases).enumerate() {
            let start = start + index * at::STATE;
            self.put32(start + at::S_BASE, base);
            self.put16(start + at::S_DEFAULT, state.default);
            self.put16(start + at::S_CLASS, state.class);
        }
        let start = self.table(at::H_EDGES, edges.len() * at::EDGE);
        self.put32(at::H_N_EDGES, edges.len() as u32);
        for (index, (check, next)) in edges.into_iter().enumerate() {
            self.put16(start + index * at::EDGE, check);
            self.put16(start + index * at::EDGE + 2, next);
        }
        self.put16(at::H_START_PATH, automaton.start_path);
        self.put16(at::H_START_NAME, automaton.start_name);
    }

    fn nets(&mut self, policy: &Policy) {
        let nets: Vec<(usize, &Net)> = policy
            .domains
            .iter()
            .enumerate()
            .flat_map(|(index, domain)| domain.nets.iter().map(move |net| (index, net)))
            .collect();
        let start = self.table(at::H_NETS, nets.len() * at::NET);
        self.put16(at::H_N_NETS, nets.len() as u16);
        for (index, (domain, net)) in nets.into_iter().enumerate() {
            let start = start + index * at::NET;
            self.put(
                start + at::N_DOMAIN,
                &[domain as u8, if net.bind { 1 } else { 2 }, net.protocol, net.family],
            );
            self.put16(start + at::N_LOW, net.low);
            self.put16(start + at::N_HIGH, net.high);
            self.put(start + at::N_PREFIX, &[net.prefix]);
            self.put(start + at::N_ADDRESS, &net.address);
        }
    }

    fn filters(&mut self, filters: &[Filter]) {
        let start = self.table(at::H_FILTERS, filters.len() * at::FILTER);
        self.put16(at::H_N_FILTERS, filters.len() as u16);
        for (index, filter) in filters.iter().enumerate() {
            let body = self.0.len();
            for (code, jump, other, k) in &filter.instructions {
                self.0.extend(code.to_le_bytes());
                self.0.extend([*jump, *other]);
                self.0.extend(k.to_le_bytes());
            }
            let fields =
                [filter.domain, filter.architecture, body as u32, filter.instructions.len() as u32];
            for (word, value) in fields.into_iter().enumerate() {
                self.put32(start + index * at::FILTER + word * 4, value);
            }
        }
    }

    fn seal(mut self) -> Result<Vec<u8>, CompileError> {
        if self.0.len() > at::BLOB_MAX {
            return Err(CompileError::Size(self.0.len()));
        }
        self.put32(at::H_SIZE, self.0.len() as u32);
        let crc = crc32fast::hash(&self.0);
        self.put32(at::H_CRC, crc);
        Ok(self.0)
    }
}

fn bits(numbers: impl Iterator<Item = u8>) -> u32 {
    numbers.filter(|number| *number < 32).fold(0, |mask, number| mask | 1 << number)
}

type Edges = Vec<(u16, u16)>;

/// Base of each state, and the edges: the state that one belongs to, and the next.
fn pack(automaton: &Automaton) -> (Vec<u32>, Edges) {
    // No state has this number, so an edge that belongs to nobody is never taken.
    const NOBODY: u16 = u16::MAX;
    let mut edges: Edges = vec![(NOBODY, 0); 256];
    let mut bases = vec![0_u32; automaton.states.len()];
    let mut order: Vec<usize> = (0..automaton.states.len()).collect();
    order.sort_by_key(|state| std::cmp::Reverse(automaton.states[*state].edges.len()));
    let mut hint = 0;
    for number in order {
        let row = &automaton.states[number].edges;
        if row.is_empty() {
            continue;
        }
        let fits = |edges: &Edges, base: usize| {
            row.keys().all(|byte| {
                edges.get(base + usize::from(*byte)).is_none_or(|edge| edge.0 == NOBODY)
            })
        };
        let mut base = hint;
        while !fits(&edges, base) {
            base += 1;
        }
        if edges.len() < base + 256 {
            edges.resize(base + 256, (NOBODY, 0));
        }
        for (byte, next) in row {
            edges[base + usize::from(*byte)] = (number as u16, *next);
        }
        bases[number] = base as u32;
        // Where rows stop fitting early the search would become quadratic.
        hint = hint.max(base.saturating_sub(2048));
    }
    (bases, edges)
}
