// SPDX-License-Identifier: Apache-2.0
//! A compiled policy that has been checked: what the agent must know of it. The check is that of
//! `kk_check` in abi/kakoi_blob.h, in Rust, because the agent has no C of ours.

use std::fmt;

use kakoi_policy::layout as at;
use kakoi_policy::{Control, Op};

/// Why bytes are not a policy that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobFault {
    /// Fewer bytes than the header, or than it announces.
    Short,
    /// It does not begin as a compiled policy does.
    NotAPolicy,
    /// Made by another version of kakoi.
    OtherVersion(u16),
    /// Its checksum is wrong: truncated or altered.
    Checksum,
    /// A table leaves the blob or is too large.
    Table(&'static str),
    /// An entry names what is not there.
    Entry(&'static str),
}

impl fmt::Display for BlobFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("it is shorter than it says"),
            Self::NotAPolicy => f.write_str("it does not begin as a compiled policy does"),
            Self::OtherVersion(version) => write!(
                f,
                "it has version {version} of the format and this program knows {}; compile it anew",
                at::VERSION
            ),
            Self::Checksum => f.write_str("its checksum is wrong"),
            Self::Table(table) => write!(f, "its table of {table} leaves it"),
            Self::Entry(table) => write!(f, "an entry of its table of {table} is wrong"),
        }
    }
}

/// A compiled policy; holding one proves that it passed the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(Vec<u8>);

/// Who may grant an override.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// Root outside every session.
    pub console: bool,
    /// Whoever holds one of these Ed25519 keys.
    pub keys: Vec<[u8; 32]>,
}

/// Operations, a set.
pub(crate) type Ops = u32;

impl Blob {
    /// Checks bytes of any origin.
    ///
    /// # Errors
    /// They are not a policy that may be used.
    pub fn check(bytes: Vec<u8>) -> Result<Self, BlobFault> {
        let blob = Self(bytes);
        blob.header_ok()?;
        blob.tables_ok()?;
        blob.domains_ok()?;
        blob.automaton_ok()?;
        blob.lists_ok()?;
        Ok(blob)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Names of its domains, in the order of their numbers.
    #[must_use]
    pub fn domains(&self) -> Vec<String> {
        (0..self.u16(at::H_N_DOMAINS)).map(|index| self.name(self.domain(index.into()))).collect()
    }

    /// What a control does: the operations that some domain judges by it. None: nothing does.
    #[must_use]
    pub(crate) fn judges(&self, control: Control) -> Option<Ops> {
        let number = usize::from(control.number());
        let used = (0..usize::from(self.u16(at::H_N_DOMAINS))).any(|index| {
            self.u8(self.domain(index) + at::D_RULES + number * at::RULE + at::R_ACTION) != 0
        });
        used.then(|| ops_of(control))
    }

    /// Is there a rule with this control that asks to rewrite?
    #[must_use]
    pub fn rewrites(&self, control: Control) -> bool {
        const REWRITE: u8 = 2;
        let number = usize::from(control.number());
        (0..usize::from(self.u16(at::H_N_DOMAINS))).any(|index| {
            let rule = self.domain(index) + at::D_RULES + number * at::RULE;
            self.u8(rule + at::R_ACTION) == REWRITE
        })
    }

    /// Kinds of trust that some rule asks for (`KK_T_*`).
    #[must_use]
    pub fn trust_asked(&self) -> u8 {
        let domains = usize::from(self.u16(at::H_N_DOMAINS));
        (0..domains).flat_map(|index| (0..at::CONTROLS).map(move |c| (index, c))).fold(
            0,
            |asked, (index, control)| {
                let rule = self.domain(index) + at::D_RULES + control * at::RULE;
                if self.u8(rule + at::R_ACTION) == 0 {
                    asked
                } else {
                    asked | self.u8(rule + at::R_TRUST)
                }
            },
        )
    }

    /// Does some rule trust what a digest vouches for?
    #[must_use]
    pub fn asks_digests(&self) -> bool {
        const DIGEST: u8 = 4;
        self.trust_asked() & DIGEST != 0
    }

    /// Operations for which hooks must be there, those that only mark dropped content included.
    #[must_use]
    pub(crate) fn ops(&self) -> Ops {
        let judged = Control::ALL.iter().filter_map(|c| self.judges(*c)).fold(0, |a, b| a | b);
        let taints = self.u32(at::H_TAINTING) | self.u32(at::H_TAINTING + 4) != 0;
        let marked =
            if taints { ops(&[Op::Open, Op::Create, Op::Truncate, Op::Receive]) } else { 0 };
        // Whoever changes content ends what its digest vouched for.
        let watched = if self.asks_digests() { ops(&[Op::Open, Op::Truncate]) } else { 0 };
        judged | marked | watched
    }

    /// What enters a domain of sessions by itself: bit 1 a pseudo terminal, bit 2 a socket.
    #[must_use]
    pub fn remote(&self) -> u32 {
        let domains = usize::from(self.u16(at::H_N_DOMAINS));
        (0..domains).fold(0, |all, index| all | self.u32(self.domain(index) + at::D_REMOTE))
    }

    /// Whether the rules for everyone ask for dropped content and nothing else.
    #[must_use]
    pub fn everyone_asks_for_taint_only(&self) -> bool {
        let taint =
            [Control::RunDropped, Control::InterpretDropped].map(|c| usize::from(c.number()));
        (0..usize::from(self.u16(at::H_N_DOMAINS)))
            .map(|index| self.domain(index))
            .filter(|domain| self.u32(domain + at::D_FLAGS) & at::DF_EVERYONE as u32 != 0)
            .all(|domain| {
                (0..at::CONTROLS).all(|control| {
                    let rule = domain + at::D_RULES + control * at::RULE;
                    self.u8(rule + at::R_ACTION) == 0
                        || (taint.contains(&control)
                            && self.u8(rule + at::R_TRUST) == 0
                            && usize::from(self.u16(rule + at::R_TRUSTED)) == at::NONE)
                })
            })
    }

    /// Does it only log, whatever its rules say?
    #[must_use]
    pub fn audits_only(&self) -> bool {
        self.u16(at::H_FLAGS) & at::PF_AUDIT as u16 != 0
    }

    /// The same policy, logging only.
    #[must_use]
    pub fn into_audit(mut self) -> Self {
        let flags = self.u16(at::H_FLAGS) | at::PF_AUDIT as u16;
        self.put(at::H_FLAGS, &flags.to_le_bytes());
        let sum = checksum(&self.0);
        self.put(at::H_CRC, &sum.to_le_bytes());
        self
    }

    /// Who may grant an override.
    #[must_use]
    pub fn authority(&self) -> Authority {
        let place = self.u32(at::H_AUTHORITY) as usize;
        if place == 0 {
            return Authority::default();
        }
        let key = |index: usize| {
            let start = place + at::AUTHORITY + index * at::KEY;
            std::array::from_fn(|byte| self.u8(start + byte))
        };
        let keys = (0..self.u32(place + 4) as usize).take(at::KEYS).map(key).collect();
        Authority { console: self.u32(place) != 0, keys }
    }

    fn authority_ok(&self) -> bool {
        let place = self.u32(at::H_AUTHORITY) as usize;
        let keys = || self.u32(place + 4) as usize;
        place == 0
            || (self.has_table(place, 1, at::AUTHORITY)
                && keys() <= at::KEYS
                && self.has_table(place + at::AUTHORITY, keys(), at::KEY))
    }

    /// First half of the SHA-256 of the policy's text.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        std::array::from_fn(|index| self.u8(at::H_DIGEST + index))
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn u8(&self, offset: usize) -> u8 {
        self.0.get(offset).copied().unwrap_or(0)
    }

    fn u16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.u8(offset), self.u8(offset + 1)])
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|index| self.u8(offset + index)))
    }

    fn domain(&self, index: usize) -> usize {
        self.u32(at::H_DOMAINS) as usize + index * at::DOMAIN
    }

    fn name(&self, domain: usize) -> String {
        let bytes: Vec<u8> = (0..32)
            .map(|index| self.u8(domain + at::D_NAME + index))
            .take_while(|b| *b != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn header_ok(&self) -> Result<(), BlobFault> {
        if self.0.len() < at::HEADER || self.0.len() > at::BLOB_MAX {
            return Err(BlobFault::Short);
        }
        if self.u32(at::H_MAGIC) as usize != at::MAGIC {
            return Err(BlobFault::NotAPolicy);
        }
        let version = self.u16(at::H_VERSION);
        if usize::from(version) != at::VERSION {
            return Err(BlobFault::OtherVersion(version));
        }
        if self.u32(at::H_SIZE) as usize != self.0.len() {
            return Err(BlobFault::Short);
        }
        if checksum(&self.0) != self.u32(at::H_CRC) {
            return Err(BlobFault::Checksum);
        }
        Ok(())
    }

    fn table_ok(&self, field: usize, count: usize, entry: usize) -> bool {
        self.has_table(self.u32(field) as usize, count, entry)
    }

    fn has_table(&self, offset: usize, count: usize, entry: usize) -> bool {
        offset.is_multiple_of(4)
            && offset >= at::HEADER
            && offset <= self.0.len()
            && count <= (self.0.len() - offset) / entry
    }

    fn tables_ok(&self) -> Result<(), BlobFault> {
        let count = |field| usize::from(self.u16(field));
        let tables = [
            ("domains", at::H_DOMAINS, count(at::H_N_DOMAINS), at::DOMAIN, at::DOMAINS),
            ("classes", at::H_CLASSES, count(at::H_N_CLASSES), at::CLASS, usize::MAX),
            ("states", at::H_STATES, count(at::H_N_STATES), at::STATE, usize::MAX),
            ("edges", at::H_EDGES, self.u32(at::H_N_EDGES) as usize, at::EDGE, usize::MAX),
            ("networks", at::H_NETS, count(at::H_N_NETS), at::NET, at::NETS),
            ("filters", at::H_FILTERS, count(at::H_N_FILTERS), at::FILTER, usize::MAX),
        ];
        for (name, field, count, entry, most) in tables {
            if count > most || !self.table_ok(field, count, entry) {
                return Err(BlobFault::Table(name));
            }
        }
        if !self.authority_ok() {
            return Err(BlobFault::Table("authorities"));
        }
        Ok(())
    }

    fn label_ok(&self, offset: usize) -> bool {
        let label = usize::from(self.u16(offset));
        label < at::LABELS || label == at::NONE
    }

    fn domains_ok(&self) -> Result<(), BlobFault> {
        const KILL: u8 = 4;
        for index in 0..usize::from(self.u16(at::H_N_DOMAINS)) {
            let domain = self.domain(index);
            let rules = (0..at::CONTROLS).all(|control| {
                let rule = domain + at::D_RULES + control * at::RULE;
                self.u8(rule + at::R_ACTION) <= KILL
                    && [at::R_EXCEPT, at::R_ONLY, at::R_TRUSTED]
                        .iter()
                        .all(|field| self.label_ok(rule + field))
            });
            if self.u8(domain + at::D_NAME + 31) != 0
                || !rules
                || !self.label_ok(domain + at::D_ENTER)
                || !self.label_ok(domain + at::D_DAEMONS)
            {
                return Err(BlobFault::Entry("domains"));
            }
        }
        Ok(())
    }

    fn automaton_ok(&self) -> Result<(), BlobFault> {
        let (states, edges) = (self.u16(at::H_N_STATES), self.u32(at::H_N_EDGES));
        let classes = self.u16(at::H_N_CLASSES);
        if self.u16(at::H_START_PATH) >= states
            || self.u16(at::H_START_NAME) >= states
            || edges < 256
            || classes == 0
        {
            return Err(BlobFault::Entry("states"));
        }
        let state = |index: u16| self.u32(at::H_STATES) as usize + usize::from(index) * at::STATE;
        let states_ok = (0..states).all(|index| {
            self.u32(state(index) + at::S_BASE) <= edges - 256
                && self.u16(state(index) + at::S_DEFAULT) < states
                && self.u16(state(index) + at::S_CLASS) < classes
        });
        let first = self.u32(at::H_EDGES) as usize;
        let edges_ok =
            (0..edges as usize).all(|index| self.u16(first + index * at::EDGE + 2) < states);
        if states_ok && edges_ok { Ok(()) } else { Err(BlobFault::Entry("states")) }
    }

    fn lists_ok(&self) -> Result<(), BlobFault> {
        let domains = self.u16(at::H_N_DOMAINS);
        for index in 0..usize::from(self.u16(at::H_N_NETS)) {
            let net = self.u32(at::H_NETS) as usize + index * at::NET;
            if u16::from(self.u8(net + at::N_DOMAIN)) >= domains
                || self.u8(net + at::N_PREFIX) > 128
            {
                return Err(BlobFault::Entry("networks"));
            }
        }
        for index in 0..usize::from(self.u16(at::H_N_FILTERS)) {
            let filter = self.u32(at::H_FILTERS) as usize + index * at::FILTER;
            let count = self.u32(filter + 12) as usize;
            if self.u32(filter) >= u32::from(domains)
                || count > at::FILTER_INSNS
                || !self.table_ok(filter + 8, count, 8)
            {
                return Err(BlobFault::Entry("filters"));
            }
        }
        Ok(())
    }
}

/// CRC-32 of the blob, its own four bytes taken as zero.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for (index, byte) in bytes.iter().enumerate() {
        let own = (at::H_CRC..at::H_CRC + 4).contains(&index);
        crc ^= if own { 0 } else { u32::from(*byte) };
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

fn ops(list: &[Op]) -> Ops {
    list.iter().fold(0, |set, op| set | 1 << op.number())
}

/// Operations that a control looks at, as `kk_concerns` has it.
fn ops_of(control: Control) -> Ops {
    use Op::{
        Bind, Capable, Chmod, Connect, Create, Exec, Link, MapExec, MemExec, Open, Protect,
        Receive, Remove, Rename, Setattr, Setxattr, Socket, Truncate,
    };
    const CHANGES: [Op; 10] =
        [Open, Receive, Create, Chmod, Setxattr, Truncate, Link, Rename, Remove, Setattr];
    match control {
        Control::ShellStart | Control::ScriptExec | Control::ExecList | Control::ExecForbid => {
            ops(&[Exec])
        }
        Control::GrantExec => ops(&[Create, Chmod, Setxattr]),
        Control::WriteExec => ops(&[Open, Receive, Truncate, Link, Rename]),
        Control::ExecOutside | Control::RunDropped => ops(&[Exec, MapExec]),
        Control::InterpretDropped => ops(&[Exec, Open]),
        Control::ExecMemory => ops(&[MemExec]),
        Control::SelfProtect => ops(&CHANGES) | ops(&[Protect]),
        Control::FilesRead => ops(&[Open, Receive]),
        Control::FilesWrite => ops(&CHANGES),
        Control::FilesForbid => ops(&CHANGES) | ops(&[Exec, MapExec]),
        Control::NetBind => ops(&[Bind]),
        Control::NetConnect => ops(&[Connect]),
        Control::NetFamily => ops(&[Socket]),
        Control::Capabilities => ops(&[Capable]),
    }
}
