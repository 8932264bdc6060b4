// SPDX-License-Identifier: Apache-2.0
//! Compilers, from `.comment` or from the same texts found without section headers, and what a
//! compiler of that age could not do.

use kakoi_model::{Evidence, Observed};

use super::Elf;
use super::marks::{Mark, Marks};
use super::read::readable;
use super::section::Trust;

/// Compilers that left their names, and what follows from them.
#[derive(Debug)]
pub(super) struct Compilers {
    /// Sorted and distinct.
    pub(super) named: Observed<Vec<String>>,
    /// The newest version of GCC among them, major and minor, if all of them are GCC.
    newest_gcc: Option<(u32, u32)>,
}

impl Compilers {
    pub(super) fn find(elf: &Elf<'_>) -> Self {
        let mut names = match elf.sections.content(elf.file, b".comment") {
            Some(comment) => comment.split(|&byte| byte == 0).map(readable).collect(),
            None => from_marks(elf, &elf.marks),
        };
        names.retain(|name: &String| !name.is_empty());
        names.sort();
        names.dedup();
        let newest_gcc = newest_gcc(&names);
        let named = match (names.is_empty(), elf.sections.trust) {
            (false, _) => Observed::Present(names),
            (true, Trust::Whole) => Observed::Absent,
            (true, _) => Observed::undetermined(
                "sections-lost",
                "compilers name themselves in .comment, which is not loaded and was stripped or lost",
            ),
        };
        Self { named, newest_gcc }
    }

    /// Is a GCC of at least this major version among them?
    pub(super) fn any_from(&self, major: u32) -> bool {
        self.newest_gcc.is_some_and(|newest| newest >= (major, 0))
    }

    /// Evidence that every compiler that left its name is a GCC before `major`.`minor`. The
    /// program itself was then compiled without what came with that version.
    pub(super) fn all_before(&self, major: u32, minor: u32) -> Option<Evidence> {
        let newest = self.newest_gcc.filter(|&newest| newest < (major, minor))?;
        Some(Evidence::new(format!(
            "the newest compiler named is GCC {}.{}, before {major}.{minor}",
            newest.0, newest.1
        )))
    }
}

fn from_marks(elf: &Elf<'_>, marks: &Marks) -> Vec<String> {
    let gcc = marks.of(Mark::Gcc).filter_map(|at| elf.file.text(at, 128));
    let clang = marks.of(Mark::Clang).filter_map(|at| elf.file.text(line_start(elf, at), 160));
    // A program may hold the text as a format; a compiler's name has a version and no controls.
    let named = gcc.chain(clang).filter(|raw| {
        raw.iter().any(u8::is_ascii_digit) && !raw.iter().any(|byte| *byte < b' ' || *byte == b'%')
    });
    named.map(readable).collect()
}

/// The beginning of a text, after the NUL before it.
fn line_start(elf: &Elf<'_>, at: u64) -> u64 {
    let from = at.saturating_sub(64);
    let before = elf.file.slice(from, at - from).unwrap_or_default();
    memchr::memrchr(0, before).map_or(at, |nul| from + nul as u64 + 1)
}

/// The newest GCC of a list in which there is no other compiler.
fn newest_gcc(names: &[String]) -> Option<(u32, u32)> {
    let of_linkers = ["Linker:", "GNU ld", "mold"];
    let compilers =
        names.iter().filter(|name| !of_linkers.iter().any(|tool| name.starts_with(tool)));
    let versions: Option<Vec<_>> = compilers.map(|name| gcc_version(name)).collect();
    versions?.into_iter().max()
}

/// `GCC: (vendor) 12.2.0` gives (12, 2).
fn gcc_version(name: &str) -> Option<(u32, u32)> {
    let rest = name.strip_prefix("GCC: (")?;
    let after = rest.rmatch_indices(") ").map(|(at, found)| &rest[at + found.len()..]);
    let version =
        after.filter(|text| text.starts_with(|first: char| first.is_ascii_digit())).last()?;
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_gcc_are_read_behind_any_vendor() {
        for (name, version) in [
            ("GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", (12, 2)),
            ("GCC: (GNU) 3.4.4 mipssde-6.03.00-20051020", (3, 4)),
            ("GCC: (LEDE GCC 5.4.0 r3560-79f57e422d) 5.4.0", (5, 4)),
            ("GCC: (Buildroot 2015.08-(x)) 4.9.3", (4, 9)),
        ] {
            assert_eq!(gcc_version(name), Some(version), "{name}");
        }
        assert_eq!(gcc_version("clang version 14.0.6"), None);
    }

    #[test]
    fn one_other_compiler_forbids_conclusions_from_the_age_of_gcc() {
        let gcc = "GCC: (GNU) 4.3.3".to_owned();
        assert_eq!(newest_gcc(std::slice::from_ref(&gcc)), Some((4, 3)));
        assert_eq!(newest_gcc(&[gcc.clone(), "Linker: LLD 14.0.6".to_owned()]), Some((4, 3)));
        assert_eq!(newest_gcc(&[gcc, "clang version 14.0.6".to_owned()]), None);
    }
}
