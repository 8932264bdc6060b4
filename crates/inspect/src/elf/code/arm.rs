// SPDX-License-Identifier: Apache-2.0
//! AArch64, ARM and Thumb: direct calls, linkage tables.

use super::{Code, Field};

/// Where the distance stands in `bl` of AArch64, in words from the instruction.
pub(super) const AARCH64_FIELD: Field = Field { mask: 0x03ff_ffff, ahead: 0 };
/// Where the distance stands in `bl` of ARM, in words from two instructions ahead.
pub(super) const ARM_FIELD: Field = Field { mask: 0x00ff_ffff, ahead: 8 };

/// `bl` (Arm ARM C6.2.35).
pub(super) fn aarch64_call(at: u64, word: u32) -> Option<u64> {
    (word >> 26 == 0b10_0101).then(|| at.wrapping_add_signed(i64::from((word << 6) as i32 >> 4)))
}

/// `bl` in any condition, and `blx` to Thumb.
pub(in crate::elf) fn arm_call(at: u64, word: u32) -> Option<u64> {
    let distance = i64::from((word << 8) as i32 >> 6);
    let is_call = word >> 24 & 0x0f == 0x0b || word >> 25 == 0x7d;
    is_call.then(|| at.wrapping_add(8).wrapping_add_signed(distance) & 0xffff_ffff)
}

/// Halves that are compared together.
const GROUP: usize = 64;

/// Thumb-2 `bl` and `blx`: two halves (Arm ARM, encodings T1 and T2).
///
/// The first half of a call holds the upper bits of the distance, which are the same, but for a
/// carry, for all callers in a group: few groups hold such a half at all.
pub(super) fn find_thumb_calls(part: &Code<'_>, targets: &[u64]) -> Vec<u64> {
    // A Thumb caller may enter through `bx pc; nop` in front of the stub.
    let mut entries: Vec<u64> =
        targets.iter().flat_map(|target| [*target, target.wrapping_sub(4)]).collect();
    entries.sort_unstable();
    entries.dedup();
    let mut calls = Vec::new();
    let size = 2 * GROUP as u64;
    for (number, group) in (0_u64..).zip(part.bytes.chunks(2 * GROUP)) {
        let start = part.address.wrapping_add(size * number);
        for target in &entries {
            let upper = |base: u64| {
                let distance = target.wrapping_sub(base) as i64 >> 12;
                part.as_stored(0xf000 | (distance as u16 & 0x7ff))
            };
            let wanted = [upper(start), upper(start.wrapping_add(size + 4))];
            if holds_half(group, wanted) {
                add_calls(part, start, group, wanted, *target, &mut calls);
            }
        }
    }
    calls.sort_unstable();
    calls
}

/// No branch depends on the halves, so that the compiler compares many at once.
fn holds_half(group: &[u8], wanted: [u16; 2]) -> bool {
    let (halves, _) = group.as_chunks::<2>();
    halves.iter().fold(false, |any, half| {
        let half = u16::from_ne_bytes(*half);
        any | (half == wanted[0]) | (half == wanted[1])
    })
}

fn add_calls(
    part: &Code<'_>,
    start: u64,
    group: &[u8],
    wanted: [u16; 2],
    target: u64,
    calls: &mut Vec<u64>,
) {
    let (halves, _) = group.as_chunks::<2>();
    for (number, half) in (0_u64..).zip(halves) {
        let half = u16::from_ne_bytes(*half);
        if half != wanted[0] && half != wanted[1] {
            continue;
        }
        let at = start.wrapping_add(2 * number);
        let Some((first, second)) = part.half(at).zip(part.half(at.wrapping_add(2))) else {
            continue;
        };
        if second & 0xc000 == 0xc000 && thumb_target(at, first, second) == target {
            calls.push(at);
        }
    }
}

/// Where the `bl` or `blx` (or with another second half `b.w`) of these two halves goes.
pub(in crate::elf) fn thumb_target(at: u64, first: u16, second: u16) -> u64 {
    let (first, second) = (u32::from(first), u32::from(second));
    let sign = first >> 10 & 1;
    let i1 = !(second >> 13 ^ sign) & 1;
    let i2 = !(second >> 11 ^ sign) & 1;
    let raw = sign << 24 | i1 << 23 | i2 << 22 | (first & 0x3ff) << 12 | (second & 0x7ff) << 1;
    let distance = i64::from((raw << 7) as i32 >> 7);
    let is_blx = second & 0x1000 == 0;
    let base = at.wrapping_add(4) & if is_blx { !3 } else { !0 };
    base.wrapping_add_signed(distance) & 0xffff_fffe
}

/// `adrp x16, slot; ldr x17, [x16, slot]` (ELF for the Arm 64-bit Architecture, PLT). With
/// branch protection a `bti c` comes first.
pub(super) fn find_aarch64_stub(part: &Code<'_>, slot: u64) -> Option<u64> {
    let mut before = 0;
    let mut page = None;
    for (at, word) in part.words() {
        if let Some((start, page)) = page
            && word & 0xffc0_03ff == 0xf940_0211
            && slot == u64::wrapping_add(page, u64::from(word >> 10 & 0xfff) * 8)
        {
            return Some(start);
        }
        page = None;
        if word & 0x9f00_001f == 0x9000_0010 {
            let raw = (word >> 29 & 3) | (word >> 5 & 0x7_ffff) << 2;
            let distance = i64::from((raw << 11) as i32 >> 11) << 12;
            let start = if before == 0xd503_245f { at.wrapping_sub(4) } else { at };
            page = Some((start, (at & !0xfff).wrapping_add_signed(distance)));
        }
        before = word;
    }
    None
}

/// `add ip, pc, #…; add ip, ip, #…; ldr pc, [ip, #…]!`, with two or three `add`s.
pub(super) fn find_arm_stub(part: &Code<'_>, slot: u64) -> Option<u64> {
    let mut pending: Option<(u64, u32)> = None;
    for (at, word) in part.words() {
        pending = match (word & 0xffff_f000, pending) {
            (0xe28f_c000, _) => {
                Some((at, (at as u32).wrapping_add(8).wrapping_add(arm_immediate(word))))
            }
            (0xe28c_c000, Some((start, sum))) => {
                Some((start, sum.wrapping_add(arm_immediate(word))))
            }
            (0xe5bc_f000, Some((start, sum))) => {
                if u64::from(sum.wrapping_add(word & 0xfff)) == slot {
                    return Some(start);
                }
                None
            }
            _ => None,
        };
    }
    None
}

/// A rotated 8-bit immediate (Arm ARM, "Modified immediate constants").
fn arm_immediate(word: u32) -> u32 {
    (word & 0xff).rotate_right(2 * (word >> 8 & 0xf))
}
