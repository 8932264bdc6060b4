// SPDX-License-Identifier: Apache-2.0
//! What a content is recognised by when it is not the same bytes: three small samples of hashes, of functions, of texts, and
//! of stretches of bytes.
//!
//! Each sample holds the smallest hashes of a set (bottom-k sketch: Broder, "On the resemblance and containment of documents",
//! 1997), so that the share of hashes that two samples have in common estimates what the two sets have in common, and a
//! sample is of the same size for a program of 10 KB and of 10 MB. Functions tell builds of one source for one machine; texts
//! (with names of symbols) also tell builds for other machines and by other compilers; stretches, cut where the bytes say
//! (Muthitacharoen et al., "A low-bandwidth network file system", 2001), tell other versions of anything else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::hash::of_bytes;
use crate::program::Program;
use crate::text::mask;

/// Hashes of functions that are kept.
const CODE: usize = 128;
/// Hashes of texts that are kept.
const TEXTS: usize = 256;
/// Hashes of stretches that are kept.
const BYTES: usize = 64;

/// Functions of fewer instructions are alike in unrelated programs.
const LEAST_INSTRUCTIONS: usize = 12;
/// Shorter texts come about by chance in code.
const LEAST_TEXT: usize = 6;
/// Longer texts are cut.
const LONGEST_TEXT: usize = 1024;
/// Longer programs are sampled by texts and stretches only.
const MOST_CODE_BYTES: usize = 24 << 20;

/// Samples of one content. Each is sorted, without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sketch {
    /// Of functions; empty for what is no program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<u64>,
    /// Of texts and names of symbols.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<u64>,
    /// Of stretches of bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u64>,
}

/// How alike two contents are, each from 0 to 1; none where one of them has no such sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// Share of functions.
    pub code: Option<f64>,
    /// Share of texts.
    pub texts: Option<f64>,
    /// Share of stretches.
    pub bytes: Option<f64>,
}

impl Likeness {
    /// The strongest of the three.
    #[must_use]
    pub fn score(&self) -> f64 {
        [self.code, self.texts, self.bytes].into_iter().flatten().fold(0.0, f64::max)
    }
}

impl Sketch {
    /// Samples a content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let mut sketch = Self { bytes: sample_stretches(content), ..Self::default() };
        if content.starts_with(b"\x7fELF") {
            sketch.texts = sample_texts(content);
            if content.len() <= MOST_CODE_BYTES {
                sketch.code = sample_code(content);
            }
        }
        sketch
    }

    /// Compares two samples.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> Likeness {
        Likeness {
            code: resemblance(&self.code, &other.code, CODE),
            texts: resemblance(&self.texts, &other.texts, TEXTS),
            bytes: resemblance(&self.bytes, &other.bytes, BYTES),
        }
    }
}

/// Estimates the share of two sets that both have, from their samples.
fn resemblance(left: &[u64], right: &[u64], most: usize) -> Option<f64> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let all: BTreeSet<&u64> = left.iter().chain(right).collect();
    let smallest: Vec<&u64> = all.into_iter().take(most).collect();
    let has = |sample: &[u64], hash: &u64| sample.binary_search(hash).is_ok();
    let both = smallest.iter().filter(|hash| has(left, hash) && has(right, hash)).count();
    Some(both as f64 / smallest.len() as f64)
}

fn smallest(hashes: BTreeSet<u64>, most: usize) -> Vec<u64> {
    hashes.into_iter().take(most).collect()
}

/// FNV-1a leaves the high bits of short inputs alike; the smallest hashes have to be a fair sample.
fn spread(hash: u64) -> u64 {
    let mut mixed = hash ^ (hash >> 33);
    mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^= mixed >> 33;
    mixed = mixed.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn sample_code(content: &[u8]) -> Vec<u64> {
    let Ok(program) = Program::read(content, None) else { return Vec::new() };
    let long = program.functions.iter().filter(|it| it.tokens.len() >= LEAST_INSTRUCTIONS);
    smallest(long.map(|function| spread(function.core)).collect(), CODE)
}

/// A sample of the texts in what a program has loaded.
pub(crate) fn sample_of_texts(loaded: &[u8]) -> Vec<u64> {
    sample_texts(loaded)
}

/// Texts anywhere in the file: those of its code, and the names of what it takes and gives.
fn sample_texts(content: &[u8]) -> Vec<u64> {
    let printable = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e);
    let mut hashes = BTreeSet::new();
    for run in content.split(|byte| !printable(byte)).filter(|run| run.len() >= LEAST_TEXT) {
        let Ok(text) = std::str::from_utf8(run.get(..run.len().min(LONGEST_TEXT)).unwrap_or(run))
        else {
            continue;
        };
        if !is_boilerplate(text) && is_wordy(text) {
            hashes.insert(spread(of_bytes(mask(text).as_bytes())));
            // The tree grows with the file no longer than it has to.
            if hashes.len() > 4 * TEXTS {
                hashes = hashes.into_iter().take(TEXTS).collect();
            }
        }
    }
    smallest(hashes, TEXTS)
}

/// What every compiler and C library puts in.
fn is_boilerplate(text: &str) -> bool {
    const STARTS: [&str; 12] = [
        ".", "GCC: (", "GLIBC_", "_ITM_", "__cxa_", "__gmon_", "__libc_", "_Jv_", "_init", "_fini",
        "crtstuff", "/lib/ld",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
}

/// Code that happens to be printable has few letters in a row.
fn is_wordy(text: &str) -> bool {
    let letters = text.bytes().filter(|byte| byte.is_ascii_alphabetic() || *byte == b'_').count();
    letters * 3 >= text.len() * 2 || text.contains(' ') && letters * 2 >= text.len()
}

/// Bytes of a stretch at least.
const SHORTEST: usize = 24;
/// Bytes of a stretch at most.
const LONGEST: usize = 512;
/// A stretch ends where so many bits of the rolling hash are zero: every 64 bytes on average.
const CUT: u64 = 0x3f << 40;

fn sample_stretches(content: &[u8]) -> Vec<u64> {
    let mut hashes = BTreeSet::new();
    let (mut start, mut rolling) = (0, 0_u64);
    for (at, byte) in content.iter().enumerate() {
        rolling = (rolling << 1).wrapping_add(spread(u64::from(*byte) + 1));
        let length = at + 1 - start;
        if length >= LONGEST || length >= SHORTEST && rolling & CUT == 0 {
            add_stretch(&mut hashes, content.get(start..=at));
            (start, rolling) = (at + 1, 0);
        }
    }
    add_stretch(&mut hashes, content.get(start..));
    smallest(hashes, BYTES)
}

fn add_stretch(hashes: &mut BTreeSet<u64>, stretch: Option<&[u8]>) {
    // Padding is no likeness.
    let Some(stretch) = stretch.filter(|it| it.iter().any(|byte| Some(byte) != it.first())) else {
        return;
    };
    hashes.insert(spread(of_bytes(stretch)));
    if hashes.len() > 16 * BYTES {
        hashes.split_off(&hashes.iter().nth(BYTES).copied().unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: u64, lines: u64) -> Vec<u8> {
        let line =
            |n: u64| format!("option {:x} is set by {:x}\n", spread(n ^ seed), spread(n + seed));
        (0..lines).map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn a_file_with_a_part_changed_is_like_itself_and_unlike_another() {
        let one = text(7, 400);
        let mut changed = one.clone();
        changed.splice(5000..5040, *b"a line of another length is put in here, in the middle");
        let (a, b, c) = (Sketch::of(&one), Sketch::of(&changed), Sketch::of(&text(8, 400)));
        assert!(a.likeness(&b).score() > 0.9, "{:?}", a.likeness(&b));
        assert!(a.likeness(&c).score() < 0.1, "{:?}", a.likeness(&c));
        assert_eq!(a.likeness(&a).score(), 1.0);
    }

    #[test]
    fn padding_and_nothing_have_no_sample() {
        assert_eq!(Sketch::of(&[0xff; 10_000]), Sketch::default());
        assert_eq!(Sketch::of(b"").likeness(&Sketch::of(b"")).score(), 0.0);
    }

    #[test]
    fn a_damaged_program_has_texts_still() {
        let mut broken = b"\x7fELF".to_vec();
        broken.extend_from_slice(b"\x02\x01 cannot open the socket of the daemon\0\xff\xff");
        let sketch = Sketch::of(&broken);
        assert!(sketch.code.is_empty());
        assert_eq!(sketch.texts.len(), 1);
    }
}
