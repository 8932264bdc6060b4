// SPDX-License-Identifier: Apache-2.0
//! Differences from capstone 4.0.2 that are meant, each with its reason.

use kakoi_syscalls::isa::{Flow, Instruction};

use crate::compare::{Difference, written};
use crate::oracle::Record;
use crate::sets::{Family, Set};

/// A difference that is meant, by encoding: `word & mask == value`.
struct Rule {
    /// Beginning of the set's name.
    set: &'static str,
    kind: Difference,
    mask: u32,
    value: u32,
    /// Beginning of capstone's text.
    text: &'static str,
    reason: &'static str,
}

const RESERVED: &str = "reserved bits or registers, which processors ignore and capstone refuses";
const COPROCESSOR: &str =
    "coprocessors and vectors of all versions: only what they write to general registers counts";
const OTHER_ORDER: &str = "capstone takes a reserved Thumb word for a vector instruction of A32";
const VENDOR: &str = "SPECIAL2 and COP2 belong to the vendor: clobbers what may be a result";
const WIDE_ON_NARROW: &str = "64-bit instruction, which a 32-bit processor has not";
const NO_SUCH: &str = "branches of coprocessors 0 and 3, which release 1 took back";
const STORED: &str = "capstone 4 takes the stored register for a result";
const MORE: &str = "which field is the result is not looked at (DSP, vendor): more is clobbered";
const FIELDS: &str = "two fields that the manual wants equal and are not: both are clobbered";
const REMOVED: &str = "release 6 has it no more";

use Difference::{Flow as InFlow, Number, OnlyOurs, OnlyTheirs, Target, Written};

const fn rule(
    set: &'static str,
    kind: Difference,
    mask: u32,
    value: u32,
    reason: &'static str,
) -> Rule {
    Rule { set, kind, mask, value, text: "", reason }
}

const fn named(
    set: &'static str,
    kind: Difference,
    text: &'static str,
    reason: &'static str,
) -> Rule {
    Rule { set, kind, mask: 0, value: 0, text, reason }
}

/// In order; the first that fits.
const RULES: &[Rule] = &[
    rule("a32", OnlyOurs, 0x0c00_0000, 0x0c00_0000, COPROCESSOR),
    rule(
        "a32",
        OnlyOurs,
        0xf000_0000,
        0xf000_0000,
        "barriers, hints and vectors, with reserved bits",
    ),
    rule("a32", OnlyOurs, 0, 0, RESERVED),
    rule("thumb", OnlyOurs, 0xec00_0000, 0xec00_0000, COPROCESSOR),
    rule("thumb", OnlyOurs, 0xef00_0000, 0xef00_0000, COPROCESSOR),
    rule("thumb", OnlyOurs, 0xff10_0000, 0xf900_0000, COPROCESSOR),
    rule("thumb", OnlyOurs, 0, 0, RESERVED),
    rule("thumb", OnlyTheirs, 0xf000_0000, 0xf000_0000, OTHER_ORDER),
    rule("thumb", OnlyTheirs, 0xe000_0000, 0xe000_0000, OTHER_ORDER),
    named("thumb", InFlow, "sha1", OTHER_ORDER),
    named("thumb", Written, "push", STORED),
    named("thumb", Written, "str", STORED),
    named("mips", Written, "wrdsp", MORE),
    named("mips", Written, "cmp", MORE),
    named("mips", Written, "cl", FIELDS),
    named("mips", Written, "dcl", FIELDS),
    named("mips", Target, "ji", "from $zero the target is known, and a displacement for capstone"),
    rule("mipsel-r6", OnlyTheirs, 0xfc00_0000, 0x7000_0000, REMOVED),
    named("mipsel-r6", OnlyTheirs, "mult", REMOVED),
    named("mipsel-r6", OnlyTheirs, "div", REMOVED),
    named("mipsel-r6", OnlyTheirs, "m", REMOVED),
    named("mipsel-r6", OnlyTheirs, "lwupc", WIDE_ON_NARROW),
    named("mipsel-r6", OnlyTheirs, "lld", WIDE_ON_NARROW),
    named("mipsel-r6", OnlyTheirs, "scd", WIDE_ON_NARROW),
    named("mipsel-r6", Written, "aui", "capstone 4 takes the source for the destination"),
    rule("mips", OnlyTheirs, 0xfc00_003f, 0x0000_0015, WIDE_ON_NARROW),
    rule("mips", OnlyTheirs, 0xffe0_0000, 0x4100_0000, NO_SUCH),
    rule("mips", OnlyTheirs, 0xffe0_0000, 0x4d00_0000, NO_SUCH),
    rule("mips", InFlow, 0xffe0_0000, 0x4d00_0000, NO_SUCH),
    rule("mips", OnlyOurs, 0xfc00_0000, 0x7000_0000, VENDOR),
    rule("mips", OnlyOurs, 0xfc00_0000, 0x4800_0000, VENDOR),
    rule(
        "mips",
        OnlyOurs,
        0xfc00_0000,
        0x4000_0000,
        "coprocessor 0 is the kernel's; reserved fields ignored",
    ),
    rule(
        "mips",
        OnlyOurs,
        0xfc00_0000,
        0x7800_0000,
        "vector module: only copies to general registers count",
    ),
    rule(
        "mips",
        OnlyOurs,
        0xfc00_0000,
        0x7c00_0000,
        "DSP and EVA modules: clobbers what may be a result",
    ),
    rule(
        "mips",
        OnlyOurs,
        0xf400_0000,
        0x4400_0000,
        "floating point: formats and conditions are not looked at",
    ),
    rule("mips", OnlyOurs, 0xf800_0000, 0x0000_0000, RESERVED),
    named("mips", InFlow, "teq", "registers that are the same are equal: it always traps"),
    named("mips", InFlow, "tge", "a register is not less than itself: it always traps"),
    named(
        "mips",
        InFlow,
        "bal ",
        "to the next but one: a program learns its own address, and calls nothing",
    ),
    named("mips", InFlow, "bltzal $zero", "never taken: it only sets the link register"),
];

/// The reason for a difference; none if there should be no difference.
pub(crate) fn reason(
    set: &Set,
    kind: Difference,
    word: u32,
    ours: Option<&Instruction>,
    theirs: &Record,
) -> Option<&'static str> {
    let by_rule = RULES.iter().find(|rule| {
        set.name.starts_with(rule.set)
            && rule.kind == kind
            && word & rule.mask == rule.value
            && theirs.text.starts_with(rule.text)
    });
    by_rule.map(|rule| rule.reason).or_else(|| by_content(set, kind, ours?, theirs))
}

/// Differences that are told by what the two say.
fn by_content(
    set: &Set,
    kind: Difference,
    ours: &Instruction,
    theirs: &Record,
) -> Option<&'static str> {
    let writes_counter = theirs.written >> 15 & 1 == 1;
    let has_more = written(ours) & theirs.written == theirs.written & 0x7fff;
    match (kind, set.family) {
        (InFlow, Family::Arm) if writes_counter && ours.flow == Flow::Next => Some(
            "the counter as result or base of what does not branch is unpredictable; no branch for us",
        ),
        (Written, Family::Arm) if has_more => {
            Some("capstone 4 leaves out results of coprocessors, and bases that are written back")
        }
        (Written, Family::Mips) if written(ours) & theirs.written == theirs.written & !1 => {
            Some(MORE)
        }
        (Target | Number, Family::Arm) if theirs.text.contains("pc") => {
            Some("the counter's value is known, and a register for capstone")
        }
        _ => None,
    }
}
