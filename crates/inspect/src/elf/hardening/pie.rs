// SPDX-License-Identifier: Apache-2.0
//! Position-independent executables.

use kakoi_model::{Absence, Evidence, Linkage, Mitigation};

use super::Subject;
use crate::elf::shape::{Position, find_position};

/// Where `e_type` lies.
const TYPE_AT: u64 = 16;

pub(super) fn find_pie(subject: &Subject<'_>) -> Mitigation<()> {
    if !subject.is_linked() {
        return Mitigation::absent(Absence::NotApplicable, Vec::new());
    }
    match find_position(subject.elf) {
        Position::Anywhere(evidence) => {
            Mitigation::present((), vec![Evidence::at("ET_DYN", TYPE_AT), evidence])
        }
        Position::Fixed => {
            let is_static = subject.elf.linkage().present() == Some(&Linkage::Static);
            // GCC learnt `-pie` in 3.4 and `-static-pie` in 8.
            let version = if is_static { (8, 0) } else { (3, 4) };
            subject.absent_since_gcc(version, vec![Evidence::at("ET_EXEC", TYPE_AT)]).into()
        }
        Position::Library(evidence) => Mitigation::absent(
            Absence::NotApplicable,
            vec![Evidence::at("ET_DYN, a library", TYPE_AT), evidence],
        ),
        Position::NotLinked => Mitigation::absent(Absence::NotApplicable, Vec::new()),
        Position::Unclear => Mitigation::undetermined(
            "pie-or-library",
            "ET_DYN, and nothing that is left tells a program from a library",
        ),
    }
}
