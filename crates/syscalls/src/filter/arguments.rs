// SPDX-License-Identifier: Apache-2.0
//! Code that looks at arguments. An argument is two words of `seccomp_data`, the upper one first on a big-endian machine; 32-bit
//! kernels' arguments are their lower words.

use std::collections::{BTreeMap, BTreeSet};

use kakoi_model::Endian;

use super::assemble::{Assembler, Label};
use super::program::code;
use super::{Check, Rules};

/// Offset of the arguments in `struct seccomp_data`.
const ARGUMENTS: u32 = 16;

/// Code that goes to `holds` if all checks do, else to `fails`.
pub(super) fn checks(
    assembler: &mut Assembler,
    rules: &Rules,
    checks: &[Check],
    holds: Label,
    fails: Label,
) -> Label {
    checks.iter().rev().fold(holds, |next, check| one(assembler, rules, check, next, fails))
}

fn one(
    assembler: &mut Assembler,
    rules: &Rules,
    check: &Check,
    holds: Label,
    fails: Label,
) -> Label {
    let mask = rules.effective_mask(check);
    let by_upper = by_upper(check, mask);
    let (lower_mask, upper_mask) = (mask as u32, (mask >> 32) as u32);
    let (lower, upper) = offsets(rules.architecture.order(), check.argument);
    if upper_mask == 0 {
        let values = by_upper.get(&0).cloned().unwrap_or_default();
        return word(assembler, lower, lower_mask, &values, holds, fails);
    }
    let groups: Vec<(u32, Label)> = by_upper
        .iter()
        .map(|(number, values)| (*number, word(assembler, lower, lower_mask, values, holds, fails)))
        .collect();
    let first = groups.iter().rev().fold(fails, |next, (number, label)| {
        assembler.compare(code::IF_EQUAL, *number, *label, next)
    });
    load(assembler, upper, upper_mask, first)
}

/// Lower words by upper word.
fn by_upper(check: &Check, mask: u64) -> BTreeMap<u32, BTreeSet<u32>> {
    let mut groups: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for value in check.values.iter().map(|value| value & mask) {
        groups.entry((value >> 32) as u32).or_default().insert(value as u32);
    }
    groups
}

/// Offsets of the lower and the upper word.
fn offsets(order: Endian, argument: u8) -> (u32, u32) {
    let start = ARGUMENTS + 8 * u32::from(argument);
    match order {
        Endian::Little => (start, start + 4),
        Endian::Big => (start + 4, start),
    }
}

/// Compares one word with each value.
fn word(
    assembler: &mut Assembler,
    offset: u32,
    mask: u32,
    values: &BTreeSet<u32>,
    holds: Label,
    fails: Label,
) -> Label {
    if mask == 0 {
        return if values.is_empty() { fails } else { holds };
    }
    let first = values
        .iter()
        .rev()
        .fold(fails, |next, value| assembler.compare(code::IF_EQUAL, *value, holds, next));
    if values.is_empty() { fails } else { load(assembler, offset, mask, first) }
}

fn load(assembler: &mut Assembler, offset: u32, mask: u32, next: Label) -> Label {
    assembler.fall_into(next);
    if mask != u32::MAX {
        assembler.push(code::AND, mask);
    }
    assembler.push(code::LOAD, offset)
}
