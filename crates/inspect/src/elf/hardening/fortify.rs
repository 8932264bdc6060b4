// SPDX-License-Identifier: Apache-2.0
//! `_FORTIFY_SOURCE`: calls that were replaced by checked variants, among calls that could be.
//!
//! Counted by imported functions: one function counts once however often it is called. A call
//! whose bound the compiler proved, or whose buffer it could not size, keeps its plain name, so
//! few programs reach all of them. `__stack_chk_fail` is not one of them.

use kakoi_model::{Absence, Coverage, ElfRole, Evidence, Mitigation};

use super::start::main_calls;
use super::{SYMBOLS_LOST, Subject, undetermined_with};
use crate::elf::code::Code;
use crate::elf::machine::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64, is_mips};
use crate::elf::marks::Mark;

/// Functions of which glibc has a checked variant `__NAME_chk` (glibc 2.36 debug/), sorted.
const FORTIFIABLE: &[&str] = &[
    "asprintf",
    "confstr",
    "dprintf",
    "explicit_bzero",
    "fgets",
    "fgets_unlocked",
    "fgetws",
    "fgetws_unlocked",
    "fprintf",
    "fread",
    "fread_unlocked",
    "fwprintf",
    "getcwd",
    "getdomainname",
    "getgroups",
    "gethostname",
    "getlogin_r",
    "gets",
    "getwd",
    "longjmp",
    "mbsnrtowcs",
    "mbsrtowcs",
    "mbstowcs",
    "memcpy",
    "memmove",
    "mempcpy",
    "memset",
    "obstack_printf",
    "obstack_vprintf",
    "poll",
    "ppoll",
    "pread",
    "pread64",
    "printf",
    "ptsname_r",
    "read",
    "readlink",
    "readlinkat",
    "realpath",
    "recv",
    "recvfrom",
    "snprintf",
    "sprintf",
    "stpcpy",
    "stpncpy",
    "strcat",
    "strcpy",
    "strncat",
    "strncpy",
    "swprintf",
    "syslog",
    "ttyname_r",
    "vasprintf",
    "vdprintf",
    "vfprintf",
    "vfwprintf",
    "vprintf",
    "vsnprintf",
    "vsprintf",
    "vswprintf",
    "vsyslog",
    "vwprintf",
    "wcpcpy",
    "wcpncpy",
    "wcrtomb",
    "wcscat",
    "wcscpy",
    "wcsncat",
    "wcsncpy",
    "wcsnrtombs",
    "wcsrtombs",
    "wcstombs",
    "wctomb",
    "wmemcpy",
    "wmemmove",
    "wmempcpy",
    "wmemset",
    "wprintf",
];

/// Checked variants without a plain function, of newer glibc, or of bionic only.
const OTHER_CHECKED: &[&str] = &[
    "FD_ISSET",
    "FD_SET",
    "fdelt",
    "inet_ntop",
    "inet_pton",
    "open",
    "openat",
    "sendto",
    "strchr",
    "strlcat",
    "strlcpy",
    "strlen",
    "strrchr",
    "umask",
    "wcslcat",
    "wcslcpy",
    "write",
];

/// Fortifiable functions that programs call with an array on the stack more often than not.
const FILLING_ARRAYS: &[&str] = &[
    "fgets",
    "getcwd",
    "gethostname",
    "gets",
    "read",
    "readlink",
    "realpath",
    "recv",
    "recvfrom",
    "snprintf",
    "sprintf",
    "strcat",
    "strcpy",
    "strncat",
    "strncpy",
    "vsnprintf",
    "vsprintf",
];

/// Fortifiable functions whose checked variant is used whatever the arguments are, so that a
/// plain import shows that nobody asked. The others also stay plain where no size is known.
const ALWAYS_REPLACED: &[&str] = &[
    "asprintf",
    "dprintf",
    "fprintf",
    "fwprintf",
    "longjmp",
    "printf",
    "syslog",
    "vasprintf",
    "vdprintf",
    "vfprintf",
    "vfwprintf",
    "vprintf",
    "vsyslog",
    "vwprintf",
    "wprintf",
];

/// C libraries that have no checked variants at all.
const WITHOUT_FORTIFY: [&str; 5] = ["uclibc", "uclibc-ng", "klibc", "dietlibc", "musl"];

pub(super) fn find_fortify(subject: &Subject<'_>) -> Mitigation<Coverage> {
    match subject.role {
        ElfRole::Kernel => Mitigation::undetermined("kernel-decides", "told by its configuration"),
        ElfRole::KernelModule => of_module(subject),
        ElfRole::Object | ElfRole::Other => Mitigation::absent(Absence::NotApplicable, Vec::new()),
        _ if subject.is_static() => in_static(subject),
        _ => by_imports(subject),
    }
}

/// Does the file import a function that is mostly called to fill an array on the stack?
pub(super) fn fills_arrays(subject: &Subject<'_>) -> bool {
    let mut filling = FILLING_ARRAYS.iter();
    filling.any(|name| subject.imports(name) || subject.imports(&format!("__{name}_chk")))
}

fn is_checked(name: &str) -> bool {
    let plain = name.strip_prefix("__").and_then(|name| name.strip_suffix("_chk"));
    plain.is_some_and(|plain| {
        OTHER_CHECKED.contains(&plain) || FORTIFIABLE.binary_search(&plain).is_ok()
    })
}

fn by_imports(subject: &Subject<'_>) -> Mitigation<Coverage> {
    let checked: Vec<_> = subject.imports.iter().filter(|name| is_checked(name)).collect();
    let plain: Vec<_> = subject
        .imports
        .iter()
        .filter(|name| FORTIFIABLE.binary_search(&name.as_str()).is_ok())
        .collect();
    let whole = subject.elf.dynamic_symbols.whole;
    let evidence = [&checked, &plain].into_iter().filter_map(|names| examples(subject, names));
    let evidence: Vec<_> = evidence.collect();
    if !checked.is_empty() {
        let count = |number: usize| u32::try_from(number).ok().filter(|_| whole);
        let coverage =
            Coverage { protected: count(checked.len()), of: count(checked.len() + plain.len()) };
        return Mitigation::present(coverage, evidence);
    }
    if !whole {
        return Mitigation::undetermined(SYMBOLS_LOST, "the imported functions are lost");
    }
    if plain.is_empty() {
        return Mitigation::absent(Absence::NotApplicable, evidence);
    }
    unchecked(subject, evidence)
}

/// Evidence that names a few of the functions.
fn examples(subject: &Subject<'_>, names: &[&String]) -> Option<Evidence> {
    let first = names.first()?;
    let listed: Vec<_> = names.iter().take(8).map(|name| name.as_str()).collect();
    let more = if names.len() > listed.len() { ", …" } else { "" };
    let symbol = subject.elf.dynamic_symbols.named(first.as_bytes());
    let what = format!("imports {}{more}", listed.join(", "));
    Some(Evidence { offset: symbol.map(|symbol| symbol.at), ..Evidence::new(what) })
}

fn unchecked(subject: &Subject<'_>, mut evidence: Vec<Evidence>) -> Mitigation<Coverage> {
    let family = subject.libc_family();
    if family == Some("musl") && has_traps(subject) {
        return undetermined_with(
            "checks-may-be-inline",
            "musl has no checked variants, but headers that check inline may have been used: \
             the code has trap instructions",
            evidence,
        );
    }
    if let Some(family) = family.filter(|family| WITHOUT_FORTIFY.contains(family)) {
        evidence.push(Evidence::new(format!("{family} has no checked variants")));
        return Mitigation::absent(Absence::ToolchainCannot, evidence);
    }
    let absent = subject.absent_since_gcc((4, 1), evidence);
    let asked_nobody = ALWAYS_REPLACED.iter().any(|name| subject.imports(name));
    if absent.reason == Absence::NotRequested && (family.is_none() || !asked_nobody) {
        return Mitigation::absent(Absence::Unknown, absent.evidence);
    }
    absent.into()
}

/// The headers of the fortify-headers project check inline and end in `__builtin_trap()`.
fn has_traps(subject: &Subject<'_>) -> bool {
    let text = Code::text(subject.elf).map(|text| vec![text]);
    let code = text.unwrap_or_else(|| Code::of(subject.elf));
    let word = |wanted: u32| code.iter().flat_map(Code::words).any(|(_, word)| word == wanted);
    let bytes =
        |wanted: &[u8]| code.iter().any(|part| memchr::memmem::find(part.bytes, wanted).is_some());
    match subject.elf.header.machine {
        EM_386 | EM_X86_64 => bytes(&[0x0f, 0x0b]),
        EM_AARCH64 => word(0xd420_7d00),
        EM_ARM => word(0xe7f0_00f0) || bytes(&[0xff, 0xde]),
        machine if is_mips(machine) => word(0x0000_0034) || word(0x0000_000d),
        _ => true,
    }
}

/// The kernel checks inline and calls this when a check fails.
fn of_module(subject: &Subject<'_>) -> Mitigation<Coverage> {
    let panic = ["fortify_panic", "__fortify_panic"].iter().find(|name| subject.imports(name));
    if let Some(name) = panic {
        let evidence = vec![Evidence::new(format!("imports {name}"))];
        return Mitigation::present(Coverage { protected: None, of: None }, evidence);
    }
    if subject.elf.symbols.whole {
        return Mitigation::absent(Absence::Unknown, Vec::new());
    }
    Mitigation::undetermined(SYMBOLS_LOST, "the symbols of the module are lost")
}

fn in_static(subject: &Subject<'_>) -> Mitigation<Coverage> {
    let elf = subject.elf;
    let named = |name: &&str| elf.symbols.named(format!("__{name}_chk").as_bytes());
    let checked: Vec<u64> = FORTIFIABLE.iter().filter_map(named).map(|s| s.value & !1).collect();
    if main_calls(elf, &checked) {
        let evidence = vec![Evidence::new("main calls a checked variant")];
        return Mitigation::present(Coverage { protected: None, of: None }, evidence);
    }
    let sound = elf.segments.intact && elf.segments.loaded_whole;
    if sound && checked.is_empty() && elf.symbols.whole && elf.symbols.named(b"main").is_some() {
        let evidence = vec![Evidence::new("no checked variant is linked in")];
        return unchecked_static(subject, evidence);
    }
    if sound && subject.libc_family() == Some("glibc") && elf.marks.lacks(Mark::FortifyMessage) {
        let evidence = vec![Evidence::new("the message of failed checks is not linked in")];
        return unchecked_static(subject, evidence);
    }
    if sound && matches!(subject.libc_family(), Some("uclibc" | "uclibc-ng")) {
        return unchecked_static(subject, Vec::new());
    }
    undetermined_with(
        "static-library-inside",
        "linked with its C library, whose calls cannot be told from the program's own",
        elf.marks
            .first(Mark::FortifyMessage)
            .map(|at| Evidence::at("message of failed checks", at))
            .into_iter()
            .collect(),
    )
}

/// Nothing is checked; why is told by the library, else it may be that nothing could be.
fn unchecked_static(subject: &Subject<'_>, evidence: Vec<Evidence>) -> Mitigation<Coverage> {
    match unchecked(subject, evidence) {
        Mitigation { absence: Some(Absence::NotRequested), evidence, .. } => {
            Mitigation::absent(Absence::Unknown, evidence)
        }
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_the_canary_handler_is_no_checked_variant() {
        assert!(FORTIFIABLE.is_sorted());
        assert!(FILLING_ARRAYS.iter().all(|name| FORTIFIABLE.binary_search(name).is_ok()));
        assert!(is_checked("__strcpy_chk") && is_checked("__fdelt_chk"));
        assert!(!is_checked("__stack_chk_fail") && !is_checked("my_chk"));
    }
}
