// SPDX-License-Identifier: Apache-2.0
//! Our decoders beside capstone (Debian: libcapstone-dev): every word of a libc and a million random words for each instruction
//! set. They agree on length, kind of flow, direct target, general registers written, and numbers; where they do not, the
//! difference has a reason in `reasons.rs`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may fail, and prints what it met"
)]

mod code;
mod compare;
mod oracle;
mod reasons;
mod sets;

use std::collections::BTreeMap;
use std::path::Path;

use compare::{Difference, difference};
use sets::Set;

const RANDOM_WORDS: usize = 1_000_000;

#[test]
fn every_word_of_libc_decodes_as_by_capstone_or_differs_for_a_known_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = oracle::build(directory.path());
    let unexplained: usize =
        sets::all().iter().map(|set| set_unexplained(&program, set, &libc_words(set))).sum();
    assert_eq!(unexplained, 0, "differences without a reason: see above");
}

#[test]
fn a_million_random_words_decode_as_by_capstone_or_differ_for_a_known_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = oracle::build(directory.path());
    let unexplained: usize =
        sets::all().iter().map(|set| set_unexplained(&program, set, &random_words(set))).sum();
    assert_eq!(unexplained, 0, "differences without a reason: see above");
}

type Question = (u64, [u8; 4]);

/// Every place where an instruction can begin.
fn libc_words(set: &Set) -> Vec<Question> {
    let Some(path) = set.libc else { return Vec::new() };
    let step = usize::try_from(set.decoder.alignment()).expect("small");
    let mut questions = Vec::new();
    for (address, bytes) in code::sections(Path::new(path)) {
        let windows = bytes.windows(4).step_by(step).zip(0_u64..);
        questions.extend(windows.map(|(window, index)| {
            (address + index * step as u64, window.try_into().expect("four bytes"))
        }));
    }
    questions
}

/// Half of the Thumb words are made instructions of two halfwords, which are rarer by chance.
fn random_words(set: &Set) -> Vec<Question> {
    let mut random = code::Random(0x6b61_6b6f_6921 + set.name.len() as u64);
    let word = |index: usize, word: u32| match set.is_thumb() && index.is_multiple_of(2) {
        true if word & 0x1800 == 0 => word | 0xe800 | 0x800 << (index / 2 % 2),
        true => word | 0xe000,
        false => word,
    };
    (0..RANDOM_WORDS).map(|index| (0x10_0000, word(index, random.next()).to_le_bytes())).collect()
}

/// Prints how often each known reason was met; returns how many differences have none, and prints some of those.
fn set_unexplained(program: &Path, set: &Set, questions: &[Question]) -> usize {
    let answers = oracle::ask(program, set.name, questions);
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown: BTreeMap<(Difference, String), Vec<String>> = BTreeMap::new();
    for ((address, code), theirs) in questions.iter().zip(&answers) {
        let ours = set.decoder.decode(code, *address);
        let Some(kind) = difference(set, *address, ours.as_ref(), theirs) else { continue };
        if let Some(reason) = reasons::reason(set, kind, set.word(code), ours.as_ref(), theirs) {
            *known.entry(reason).or_default() += 1;
        } else {
            let mut mnemonic = theirs.text.split(' ').next().unwrap_or_default().to_owned();
            if kind == Difference::OnlyOurs {
                mnemonic = set.area(code);
            }
            let line = format!("{address:#x} {code:02x?} {} | {ours:?}", theirs.text);
            unknown.entry((kind, mnemonic)).or_default().push(line);
        }
    }
    println!("{}: {} words", set.name, questions.len());
    known.iter().for_each(|(reason, count)| println!("    {count:7} {reason}"));
    let mut kinds: Vec<_> = unknown.into_iter().collect();
    kinds.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.len()));
    for ((kind, mnemonic), lines) in kinds.iter().take(60) {
        println!("  ! {:6} {kind:?} {mnemonic}: {}", lines.len(), lines[lines.len() / 2]);
    }
    kinds.iter().map(|(_, lines)| lines.len()).sum()
}
