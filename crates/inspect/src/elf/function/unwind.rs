// SPDX-License-Identifier: Apache-2.0
//! `.eh_frame` (LSB, "The .eh_frame section"): one entry for each function.

use crate::elf::Elf;
use crate::elf::section::Section;

/// `DW_EH_PE_pcrel | DW_EH_PE_sdata4`, the encoding that compilers for Linux write.
const RELATIVE: u8 = 0x1b;

/// None when an entry does not parse, or when its address is encoded in another way.
pub(super) fn find_starts(elf: &Elf<'_>, section: &Section<'_>) -> Option<Vec<u64>> {
    let end = section.offset.checked_add(section.size)?;
    let mut starts = Vec::new();
    let mut at = section.offset;
    while at + 4 <= end {
        let length = u64::from(elf.file.int(at)?);
        if length == 0 {
            break;
        }
        let next = (at + 4).checked_add(length).filter(|next| *next <= end)?;
        let common = u64::from(elf.file.int(at + 4)?);
        if common != 0 {
            let head = (at + 4).checked_sub(common)?;
            if address_encoding(elf, head)? != RELATIVE {
                return None;
            }
            let distance = elf.file.int(at + 8)? as i32;
            let place = section.address.checked_add(at + 8 - section.offset)?;
            starts.push(place.wrapping_add_signed(i64::from(distance)));
        }
        at = next;
    }
    Some(starts)
}

/// Of the common entry at `head`: version 1, augmentation `zR` or a longer one that ends in `R`,
/// whose data are then read from the end.
fn address_encoding(elf: &Elf<'_>, head: u64) -> Option<u8> {
    if elf.file.int(head + 4)? != 0 || elf.file.byte(head + 8)? != 1 {
        return None;
    }
    let augmentation = elf.file.text(head + 9, 8)?;
    if augmentation != b"zR" {
        return None;
    }
    // Two alignments, the register, and the length of the augmentation: numbers of 7 bits a byte.
    let mut at = head + 9 + 3;
    for _ in 0..4 {
        while elf.file.byte(at)? & 0x80 != 0 {
            at += 1;
        }
        at += 1;
    }
    elf.file.byte(at)
}
