// SPDX-License-Identifier: Apache-2.0
//! Many literal texts in one pass.
//!
//! Wu and Manber, "A fast algorithm for multi-pattern searching" (University of Arizona TR-94-17):
//! a table over three-byte blocks tells how far the window may jump. Anchors begin with text and most
//! of a program is not, so only printable stretches are searched at all; an Aho-Corasick automaton
//! must look at each byte.

use crate::text::printable_stretches;

/// Shortest text that can be searched for: the length of the window.
pub(super) const MIN_ANCHOR: usize = 6;

const BLOCK: usize = 3;
const JUMP: u8 = (MIN_ANCHOR - BLOCK + 1) as u8;
const BITS: u32 = 15;

/// A set of literal texts.
pub(super) struct Scanner {
    /// By block: how far the window may move; 0 when a text may end its window here.
    jumps: Box<[u8]>,
    /// By block: where its texts begin in `order`; one more at the end.
    buckets: Box<[u32]>,
    order: Vec<u32>,
    texts: Vec<Vec<u8>>,
}

impl Scanner {
    /// Texts whose first [`MIN_ANCHOR`] bytes are not printable are never found.
    pub(super) fn new(texts: Vec<Vec<u8>>) -> Self {
        let mut jumps = vec![JUMP; 1 << BITS].into_boxed_slice();
        let mut lists = vec![Vec::new(); 1 << BITS];
        for (number, text) in texts.iter().enumerate() {
            let Some(window) = text.get(..MIN_ANCHOR) else { continue };
            for (at, block) in window.windows(BLOCK).enumerate() {
                let slot = &mut jumps[slot(block)];
                *slot = (*slot).min((MIN_ANCHOR - BLOCK - at) as u8);
            }
            lists[slot(&window[MIN_ANCHOR - BLOCK..])].push(number as u32);
        }
        let mut buckets = vec![0];
        let mut order = Vec::new();
        for list in lists {
            order.extend(list);
            buckets.push(order.len() as u32);
        }
        Self { jumps, buckets: buckets.into_boxed_slice(), order, texts }
    }

    /// Calls `found(number of the text, offset)` for each place of each text, ordered by offset.
    pub(super) fn scan(&self, content: &[u8], mut found: impl FnMut(usize, usize)) {
        for (start, stretch) in printable_stretches::<MIN_ANCHOR>(content) {
            let mut end = MIN_ANCHOR;
            while let Some(block) = stretch.get(end.wrapping_sub(BLOCK)..end) {
                let slot = slot(block);
                match self.jumps[slot] {
                    0 => {
                        self.report(slot, content, start + end - MIN_ANCHOR, &mut found);
                        end += 1;
                    }
                    jump => end += usize::from(jump),
                }
            }
        }
    }

    fn report(
        &self,
        slot: usize,
        content: &[u8],
        start: usize,
        found: &mut impl FnMut(usize, usize),
    ) {
        let range = self.buckets[slot] as usize..self.buckets[slot + 1] as usize;
        for &number in &self.order[range] {
            let number = number as usize;
            if content[start..].starts_with(&self.texts[number]) {
                found(number, start);
            }
        }
    }
}

fn slot(block: &[u8]) -> usize {
    let (a, b, c) = (usize::from(block[0]), usize::from(block[1]), usize::from(block[2]));
    (a ^ (b << 4) ^ (c << 8)) & ((1 << BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str], content: &[u8]) -> Vec<(usize, usize)> {
        let scanner = Scanner::new(texts.iter().map(|text| text.as_bytes().to_vec()).collect());
        let mut places = Vec::new();
        scanner.scan(content, |number, at| places.push((number, at)));
        places
    }

    #[test]
    fn texts_are_found_at_both_ends_and_overlapping() {
        assert_eq!(found(&["abcabc"], b"abcabcabc"), [(0, 0), (0, 3)]);
        assert_eq!(found(&["BusyBox v", "usyBox"], b"xBusyBox v"), [(0, 1), (1, 2)]);
        assert_eq!(found(&["abcdef"], b"abcde"), []);
        assert_eq!(found(&["abcdefgh"], b"..abcdefg"), []);
        assert_eq!(found(&["abcdef"], b""), []);
    }

    #[test]
    fn every_place_that_a_slow_search_finds_is_found() {
        let texts = ["aababa", "ababaab", "bbbbbb", "abaaba", "aaaaaaaa"];
        let mut state = 1_u32;
        let content: Vec<u8> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"ab"[(state >> 24) as usize & 1]
            })
            .collect();
        let mut slow = Vec::new();
        for at in 0..content.len() {
            for (number, text) in texts.iter().enumerate() {
                if content[at..].starts_with(text.as_bytes()) {
                    slow.push((number, at));
                }
            }
        }
        let mut fast = found(&texts, &content);
        fast.sort_by_key(|&(number, at)| (at, number));
        assert!(slow.len() > 500);
        assert_eq!(fast, slow);
    }
}
