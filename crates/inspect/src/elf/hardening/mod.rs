// SPDX-License-Identifier: Apache-2.0
//! Exploit mitigations, one file each. How each verdict is reached, and its limits, is in
//! docs/HARDENING.md.

mod control_flow;
mod fortify;
mod nx;
mod pie;
mod relro;
mod stack_clash;
mod stack_protector;
mod start;

use kakoi_model::{Absence, ElfRole, Evidence, Hardening, Libc, Linkage, Mitigation, Observed};

use super::Elf;
use super::compiler::Compilers;
use super::dynamic::{DF_TEXTREL, DT_FLAGS, DT_RPATH, DT_RUNPATH, DT_TEXTREL};
use super::header::{ET_DYN, ET_EXEC};

/// What the verdicts are made from.
pub(super) struct Subject<'a> {
    pub(super) elf: &'a Elf<'a>,
    pub(super) role: ElfRole,
    pub(super) compilers: &'a Compilers,
    pub(super) libc: &'a Mitigation<Libc>,
    /// Sorted.
    pub(super) imports: &'a [String],
}

impl Subject<'_> {
    fn libc_family(&self) -> Option<&str> {
        self.libc.observed.present().map(|libc| libc.family.as_str())
    }

    /// Is it a program or library of user space?
    fn is_linked(&self) -> bool {
        matches!(self.elf.header.kind, ET_EXEC | ET_DYN) && self.role != ElfRole::Kernel
    }

    /// Does it hold its C library, so that what is in the file is not all of the program's own?
    fn is_static(&self) -> bool {
        matches!(
            self.elf.linkage(),
            Observed::Present(Linkage::Static | Linkage::StaticPie) | Observed::Undetermined(_)
        )
    }

    fn imports(&self, name: &str) -> bool {
        self.imports.binary_search_by(|import| import.as_str().cmp(name)).is_ok()
    }

    /// Absent because nobody asked, unless the compilers are all older than the feature.
    fn absent_since_gcc(&self, version: (u32, u32), evidence: Vec<Evidence>) -> Absent {
        match self.compilers.all_before(version.0, version.1) {
            Some(age) => Absent {
                reason: Absence::ToolchainCannot,
                evidence: [evidence, vec![age]].concat(),
            },
            None => Absent { reason: Absence::NotRequested, evidence },
        }
    }
}

/// An absence with its reason.
struct Absent {
    reason: Absence,
    evidence: Vec<Evidence>,
}

impl<T> From<Absent> for Mitigation<T> {
    fn from(absent: Absent) -> Self {
        Self::absent(absent.reason, absent.evidence)
    }
}

/// An undetermined mitigation that still has something to show.
fn undetermined_with<T>(
    code: &'static str,
    detail: &str,
    evidence: Vec<Evidence>,
) -> Mitigation<T> {
    Mitigation { evidence, ..Mitigation::undetermined(code, detail) }
}

const HEADERS_DAMAGED: &str = "headers-damaged";
const SYMBOLS_LOST: &str = "symbols-lost";

/// Every mitigation of one file.
pub(super) fn find_hardening(subject: &Subject<'_>) -> Hardening {
    let elf = subject.elf;
    if !elf.header.is_known_kind() {
        return nothing_known();
    }
    Hardening {
        nx: nx::find_nx(subject),
        pie: pie::find_pie(subject),
        relro: relro::find_relro(subject),
        stack_protector: stack_protector::find_stack_protector(subject),
        fortify: fortify::find_fortify(subject),
        stack_clash: stack_clash::find_stack_clash(subject),
        control_flow: control_flow::find_control_flow(subject),
        search_path: find_search_path(elf),
        text_relocations: find_text_relocations(elf),
        writable_executable: find_writable_executable(elf),
    }
}

/// The verdicts on a file whose ELF header is lost.
fn nothing_known() -> Hardening {
    const LOST: &str = "the ELF header is cut off or overwritten";
    Hardening {
        nx: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        pie: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        relro: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        stack_protector: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        fortify: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        stack_clash: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        control_flow: Mitigation::undetermined(HEADERS_DAMAGED, LOST),
        search_path: Observed::undetermined(HEADERS_DAMAGED, LOST),
        text_relocations: Observed::undetermined(HEADERS_DAMAGED, LOST),
        writable_executable: Observed::undetermined(HEADERS_DAMAGED, LOST),
    }
}

fn find_search_path(elf: &Elf<'_>) -> Observed<Vec<String>> {
    let mut paths = elf.dynamic.texts(DT_RPATH, &elf.strings);
    paths.extend(elf.dynamic.texts(DT_RUNPATH, &elf.strings));
    let named = [DT_RPATH, DT_RUNPATH].iter().any(|&tag| elf.dynamic.has(tag));
    match (paths.is_empty(), named, elf.dynamic.whole) {
        (false, _, _) => Observed::Present(paths),
        (true, false, true) => Observed::Absent,
        (true, true, _) => Observed::undetermined(SYMBOLS_LOST, "the text of the path is lost"),
        (true, false, false) => {
            Observed::undetermined(HEADERS_DAMAGED, "the dynamic section is damaged")
        }
    }
}

fn find_text_relocations(elf: &Elf<'_>) -> Observed<()> {
    if elf.dynamic.has(DT_TEXTREL) || elf.dynamic.flag(DT_FLAGS, DF_TEXTREL).is_some() {
        Observed::Present(())
    } else if elf.dynamic.whole {
        Observed::Absent
    } else {
        Observed::undetermined(HEADERS_DAMAGED, "the dynamic section is damaged")
    }
}

fn find_writable_executable(elf: &Elf<'_>) -> Observed<Vec<u16>> {
    let loads = elf.segments.of_kind(super::segment::PT_LOAD);
    let both =
        loads.filter(|load| load.is_writable() && load.is_executable() && load.memory_size > 0);
    let both: Vec<u16> = both.map(|load| load.index).collect();
    match (both.is_empty(), elf.segments.intact) {
        (false, _) => Observed::Present(both),
        (true, true) => Observed::Absent,
        (true, false) => Observed::undetermined(HEADERS_DAMAGED, "the program headers are damaged"),
    }
}
