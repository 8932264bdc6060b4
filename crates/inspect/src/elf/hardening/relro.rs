// SPDX-License-Identifier: Apache-2.0
//! Relocations that become read-only after start.

use kakoi_model::{Absence, Evidence, Mitigation, Relro, WRITABLE_GOT};

use super::{HEADERS_DAMAGED, Subject};
use crate::elf::dynamic::{DF_1_NOW, DF_BIND_NOW, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1, DT_PLTGOT};
use crate::elf::machine::is_mips;
use crate::elf::segment::{PT_GNU_RELRO, Segment};

pub(super) fn find_relro(subject: &Subject<'_>) -> Mitigation<Relro> {
    if !subject.is_linked() {
        return Mitigation::absent(Absence::NotApplicable, Vec::new());
    }
    let segments = &subject.elf.segments;
    match segments.first(PT_GNU_RELRO) {
        Some(relro) => degree(subject, relro),
        None if !segments.intact => Mitigation::undetermined(
            HEADERS_DAMAGED,
            "the program headers are damaged; PT_GNU_RELRO may be among the lost ones",
        ),
        None => {
            let table = subject.elf.header.segments_at;
            let mut evidence = vec![Evidence::at("program headers without PT_GNU_RELRO", table)];
            if is_mips(subject.elf.header.machine) {
                evidence.push(Evidence::new("linkers for MIPS leave RELRO out unless told"));
            }
            // binutils 2.16 of 2005 was the first release with `-z relro`.
            subject.absent_since_gcc((3, 4), evidence).into()
        }
    }
}

fn degree(subject: &Subject<'_>, relro: &Segment) -> Mitigation<Relro> {
    let elf = subject.elf;
    let mut evidence = vec![relro.evidence("PT_GNU_RELRO")];
    let now = elf
        .dynamic
        .entry(DT_BIND_NOW)
        .map(|entry| Evidence::at("DT_BIND_NOW", entry.at))
        .or_else(|| {
            let entry = elf.dynamic.flag(DT_FLAGS, DF_BIND_NOW)?;
            Some(Evidence::at("DF_BIND_NOW", entry.at))
        })
        .or_else(|| {
            let entry = elf.dynamic.flag(DT_FLAGS_1, DF_1_NOW)?;
            Some(Evidence::at("DF_1_NOW", entry.at))
        });
    if let Some(now) = now {
        evidence.push(now);
        evidence.extend(writable_got(subject, relro));
        return Mitigation::present(Relro::Full, evidence);
    }
    if !elf.dynamic.whole {
        return Mitigation::undetermined(
            HEADERS_DAMAGED,
            "PT_GNU_RELRO is there, but the dynamic section that tells the degree is damaged",
        );
    }
    Mitigation::present(Relro::Partial, evidence)
}

/// GNU ld for MIPS keeps the global offset table outside of `PT_GNU_RELRO` whatever the flags.
fn writable_got(subject: &Subject<'_>, relro: &Segment) -> Option<Evidence> {
    let entry = subject.elf.dynamic.entry(DT_PLTGOT)?;
    let within = entry.value.checked_sub(relro.address).is_some_and(|at| at < relro.memory_size);
    if within || !is_mips(subject.elf.header.machine) {
        return None;
    }
    Some(Evidence::at(WRITABLE_GOT, entry.at))
}
