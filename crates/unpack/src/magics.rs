// SPDX-License-Identifier: Apache-2.0
//! All magics of the registry in one pass over a content.
//!
//! Most bytes of a content start no magic. A bit for each pair of bytes tells so at once; only
//! where it is set are the magics with that pair compared. An Aho-Corasick automaton that reports
//! overlapping matches must follow every byte, at a fifth of the speed.

use std::sync::LazyLock;

use crate::{Scope, formats};

/// A magic that may stand anywhere.
pub(crate) struct Pattern {
    bytes: &'static [u8],
    /// Index of the two bytes that are looked for first.
    lead: usize,
    /// Where the magic lies, counted from the start of the container.
    pub(crate) offset: usize,
    /// The container starts at a multiple of this.
    pub(crate) alignment: usize,
    /// Index of the format in the registry.
    pub(crate) format: usize,
}

/// The patterns by their leading pair of bytes.
pub(crate) struct Magics {
    /// A bit for each pair that leads a pattern: small enough for the first-level cache.
    pairs: Box<[u64; 1024]>,
    /// For each pair, its index in `buckets`.
    slots: Vec<u16>,
    buckets: Vec<Vec<Pattern>>,
}

/// The magics of the registry.
pub(crate) static MAGICS: LazyLock<Magics> = LazyLock::new(Magics::new);

impl Magics {
    fn new() -> Self {
        let slots = vec![0; 1 << 16];
        let mut magics = Self { pairs: Box::new([0; 1024]), slots, buckets: Vec::new() };
        for (format, doc) in formats::ALL.iter().map(|format| format.doc()).enumerate() {
            let alignment = match doc.scope {
                Scope::Start => continue,
                Scope::Aligned(alignment) => alignment.max(1),
                Scope::Anywhere => 1,
            };
            for magic in doc.magics {
                let (bytes, offset) = (magic.bytes, magic.offset);
                let Some(lead) = rarest_pair(bytes) else { continue };
                magics.add(Pattern { bytes, lead, offset, alignment, format });
            }
        }
        magics
    }

    fn add(&mut self, pattern: Pattern) {
        let pair =
            u16::from_le_bytes([pattern.bytes[pattern.lead], pattern.bytes[pattern.lead + 1]]);
        let word = &mut self.pairs[usize::from(pair >> 6)];
        let bit = 1 << (pair & 63);
        if *word & bit == 0 {
            *word |= bit;
            self.slots[usize::from(pair)] = self.buckets.len() as u16;
            self.buckets.push(Vec::new());
        }
        self.buckets[usize::from(self.slots[usize::from(pair)])].push(pattern);
    }

    /// Calls `found` for each place, from `from` on, at which a magic stands.
    pub(crate) fn find(&self, content: &[u8], from: usize, mut found: impl FnMut(usize, &Pattern)) {
        let tail = content.get(from..).unwrap_or_default();
        for (index, pair) in tail.windows(2).enumerate() {
            let pair = u16::from_le_bytes([pair[0], pair[1]]);
            if self.pairs[usize::from(pair >> 6)] >> (pair & 63) & 1 == 0 {
                continue;
            }
            for pattern in &self.buckets[usize::from(self.slots[usize::from(pair)])] {
                let start = index.checked_sub(pattern.lead);
                if let Some(start) = start.filter(|start| tail[*start..].starts_with(pattern.bytes))
                {
                    found(from + start, pattern);
                }
            }
        }
    }
}

/// Where the two bytes stand that are least likely to stand elsewhere: zeros, 0xff and small
/// numbers are everywhere in firmware.
fn rarest_pair(bytes: &[u8]) -> Option<usize> {
    let rarity = |byte: u8| match byte {
        0 | 0xff => 0,
        1..=8 => 1,
        byte if byte.is_ascii_lowercase() => 2,
        _ => 3,
    };
    let last = bytes.len().checked_sub(2)?;
    (0..=last).rev().max_by_key(|&at| rarity(bytes[at]) + rarity(bytes[at + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_magic_that_may_stand_anywhere_is_found_where_it_stands() {
        let mut count = 0;
        for (format, doc) in formats::ALL.iter().map(|format| format.doc()).enumerate() {
            for magic in doc.magics.iter().filter(|_| doc.scope != Scope::Start) {
                let mut content = vec![0xa5; 7];
                content.extend(magic.bytes);
                content.push(0xa5);
                let mut places = Vec::new();
                MAGICS.find(&content, 3, |place, pattern| places.push((place, pattern.format)));
                assert!(places.contains(&(7, format)), "{} {:?}", doc.name, magic.bytes);
                count += 1;
            }
        }
        assert!(count > 40);
    }

    #[test]
    fn a_magic_has_two_bytes_or_more() {
        let all = formats::ALL.iter().map(|format| format.doc());
        let short = all.filter(|doc| {
            doc.scope != Scope::Start && doc.magics.iter().any(|magic| magic.bytes.len() < 2)
        });
        assert_eq!(short.count(), 0);
    }
}
