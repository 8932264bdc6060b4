// SPDX-License-Identifier: Apache-2.0
//! What the agent writes and reads in maps, byte for byte as bpf/maps.h has it. A test compares the
//! offsets with the types that the compiled object carries.

use crate::features::Config;

/// Directory of the pins, in the BPF file system.
pub(crate) const PINS: &str = "/sys/fs/bpf/kakoi";
/// Beginning of the names of pinned links; the hook follows.
pub(crate) const LINK_PIN: &str = "link_";
/// Name of the pinned walk over all tasks: whoever reads it walks.
pub(crate) const WALK_PIN: &str = "walk_tasks";
/// Size of `struct kk_subject` at the beginning of `struct mark`; traits follow.
pub(crate) const SUBJECT: usize = 28;

/// Name of a pinned map; the BPF file system has no dots in names.
pub(crate) fn map_pin(name: &str) -> String {
    format!("map_{}", name.replace('.', "_"))
}

/// Bytes that a slot has beyond its power of two, so that a read at its end stays inside.
pub(crate) const SLOT_SLACK: u32 = kakoi_policy::layout::HEADER as u32;

/// `struct guard_config`
#[must_use]
pub(crate) fn config_bytes(
    config: &Config,
    blob_mask: u32,
    task_storage: bool,
    arm64: bool,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(48);
    for word in [blob_mask, task_storage.into(), config.page_levels, arm64.into()] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(config.direct_base.to_ne_bytes());
    bytes.extend(config.direct_symbol.to_ne_bytes());
    for flag in [config.idmap_setattr, config.idmap_setxattr, config.rename_flags, false] {
        bytes.extend(u32::from(flag).to_ne_bytes());
    }
    bytes
}

/// `struct guard_state`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Slot of the policy in force.
    pub(crate) active: u32,
    /// There is a policy.
    pub(crate) loaded: bool,
    /// Rules for everyone ask for dropped content only.
    pub(crate) taint_only: bool,
    /// Domains whose every attempt is reported.
    pub(crate) learning: u64,
    /// Process of the agent.
    pub(crate) agent: u32,
    /// Programs are tied as fmod_ret; for whoever asks later.
    pub(crate) modify_return: bool,
}

impl State {
    /// As the map holds it.
    #[must_use]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let words = [
            self.active,
            self.loaded.into(),
            self.taint_only.into(),
            self.learning as u32,
            (self.learning >> 32) as u32,
            self.agent,
            0,
            self.modify_return.into(),
        ];
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// From the map.
    #[must_use]
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let word = |index: usize| word(bytes, index * 4);
        Self {
            active: word(0),
            loaded: word(1) != 0,
            taint_only: word(2) != 0,
            learning: u64::from(word(3)) | u64::from(word(4)) << 32,
            agent: word(5),
            modify_return: word(7) != 0,
        }
    }
}

/// `struct guard_seen`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Files marked as dropped content so far.
    pub dropped_files: u32,
    /// One of them found no room: provenance is unknown since.
    pub provenance_lost: bool,
    /// Forks refused because a mark found no room.
    pub forks_refused: u32,
}

impl Seen {
    /// From the map.
    #[must_use]
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self {
            dropped_files: word(bytes, 0),
            provenance_lost: word(bytes, 4) != 0,
            forks_refused: word(bytes, 8),
        }
    }
}

/// Counters, summed over processors, in the order of `COUNT_*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Events for which the ring had no room.
    pub lost: u64,
    /// Events sent.
    pub events: u64,
    /// Argument vectors that could not be read before the exec.
    pub arguments_late: u64,
    /// Times that the two sources of a mark differed.
    pub disagreements: u64,
    /// Times that storage with a task could not be had.
    pub storage_failed: u64,
}

impl Counters {
    /// From the sums of the counters.
    #[must_use]
    pub(crate) fn of(sums: &[u64]) -> Self {
        let sum = |index: usize| sums.get(index).copied().unwrap_or(0);
        Self {
            lost: sum(0),
            events: sum(1),
            arguments_late: sum(3),
            disagreements: sum(4),
            storage_failed: sum(5),
        }
    }
}

/// `struct guard_vouching`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Vouching {
    /// Whoever changes content is looked at.
    pub(crate) in_use: bool,
    /// Process whose next open is of the file to be checked.
    pub(crate) agent: u32,
    /// `VOUCH_*`
    pub(crate) answer: u32,
    /// Files whose content was changed since.
    pub(crate) changed: u32,
    /// `struct inode_key`, the key in the map `vouched`.
    pub(crate) key: [u8; 16],
}

/// State of an entry of the map `vouched`.
pub(crate) const CONFIRMED: u32 = 1;

impl Vouching {
    /// As the map holds it.
    #[must_use]
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let words = [self.in_use.into(), self.agent, self.answer, self.changed];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend(self.key);
        bytes
    }

    /// From the map.
    #[must_use]
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let word = |index: usize| word(bytes, index * 4);
        let key = bytes.get(16..32).and_then(|key| key.try_into().ok()).unwrap_or_default();
        Self { in_use: word(0) != 0, agent: word(1), answer: word(2), changed: word(3), key }
    }
}

/// Number of counters.
pub(crate) const COUNTERS: u32 = 8;

/// `struct seed`: an argument vector.
#[must_use]
pub(crate) fn seed_bytes(argv: &[u8]) -> Vec<u8> {
    const MOST: usize = 256;
    let used = argv.get(..MOST).unwrap_or(argv);
    let mut bytes = Vec::with_capacity(8 + MOST);
    bytes.extend((used.len() as u32).to_ne_bytes());
    bytes.extend(u32::from(argv.len() > MOST).to_ne_bytes());
    bytes.extend(used);
    bytes.resize(8 + MOST, 0);
    bytes
}

pub(crate) fn word(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..offset + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_ne_bytes)
}

pub(crate) fn half(bytes: &[u8], offset: usize) -> u16 {
    bytes
        .get(offset..offset + 2)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u16::from_ne_bytes)
}

pub(crate) fn long(bytes: &[u8], offset: usize) -> u64 {
    bytes
        .get(offset..offset + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use libbpf_rs::btf::HasSize;
    use libbpf_rs::btf::{Btf, types};

    use super::*;

    /// Offsets of members, and the size, of a structure as the object's own types have it.
    fn compiled(name: &str) -> (Vec<(String, usize)>, usize) {
        let object = concat!(env!("OUT_DIR"), "/guard.bpf.o");
        let btf = Btf::from_path(object).unwrap();
        let found: types::Struct<'_> = btf.type_by_name(name).unwrap();
        let member = |member: types::StructMember<'_>| {
            let types::MemberAttr::Normal { offset } = member.attr else { panic!("bit field") };
            (member.name.unwrap().to_string_lossy().into_owned(), offset as usize / 8)
        };
        (found.iter().map(member).collect(), found.size())
    }

    fn offset(name: &str, member: &str) -> usize {
        let (members, _) = compiled(name);
        members.iter().find(|(known, _)| known == member).map(|(_, offset)| *offset).unwrap()
    }

    #[test]
    fn what_the_agent_writes_lies_where_the_programs_read_it() {
        let config = config_bytes(&Config::default(), 0, false, false);
        assert_eq!(config.len(), compiled("guard_config").1);
        assert_eq!(offset("guard_config", "direct_base"), 16);
        assert_eq!(offset("guard_config", "rename_flags"), 40);
        assert_eq!(State::default().bytes().len(), compiled("guard_state").1);
        let names: Vec<String> =
            compiled("guard_state").0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["active", "loaded", "taint_only", "learning", "agent", "zero", "modify_return"]
        );
        assert_eq!(seed_bytes(&[]).len(), compiled("seed").1);
        assert_eq!(offset("mark", "traits"), SUBJECT);
        assert_eq!(Vouching::default().bytes().len(), compiled("guard_vouching").1);
        assert_eq!(
            (offset("guard_vouching", "changed"), offset("guard_vouching", "inode")),
            (12, 16)
        );
        assert_eq!((offset("inode_key", "device"), offset("guard_vouching", "device")), (8, 24));
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let state = State {
            active: 1,
            loaded: true,
            taint_only: true,
            learning: 5 << 33,
            agent: 7,
            modify_return: true,
        };
        assert_eq!(State::read(&state.bytes()), state);
    }

    #[test]
    fn a_long_argument_vector_is_cut_and_says_so() {
        let bytes = seed_bytes(&[b'a'; 300]);
        assert_eq!((word(&bytes, 0), word(&bytes, 4), bytes.len()), (256, 1, 264));
    }
}
