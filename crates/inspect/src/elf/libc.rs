// SPDX-License-Identifier: Apache-2.0
//! The C library that a file was built for: by its interpreter and `DT_NEEDED`, else by texts of
//! the library inside the file.

use kakoi_model::{Absence, Evidence, Libc, Linkage, Mitigation};

use super::Elf;
use super::dynamic::{DT_NEEDED, DT_VERNEED, DT_VERNEEDNUM};
use super::marks::Mark;
use super::read::readable;

/// Interpreters and libraries by the beginning of their names. The first that matches counts.
const BY_NAME: &[(&str, &str)] = &[
    ("ld-musl-", "musl"),
    ("libc.musl-", "musl"),
    ("ld-uClibc.so.1", "uclibc-ng"),
    ("ld64-uClibc.so.1", "uclibc-ng"),
    ("ld-uClibc", "uclibc"),
    ("ld64-uClibc", "uclibc"),
    ("libuClibc-1.", "uclibc-ng"),
    ("libuClibc", "uclibc"),
    ("libc.so.0", "uclibc"),
    ("libc.so.1", "uclibc-ng"),
    ("libc.so.6", "glibc"),
    ("ld-linux", "glibc"),
    ("ld-2.", "glibc"),
    ("ld.so.1", "glibc"),
    ("ld64.so.", "glibc"),
    ("linker", "bionic"),
    ("klibc-", "klibc"),
];

const MOST_VERSIONS: u64 = 1024;

/// The family, and the version where the file tells: exact for the library itself, `>=2.34` for
/// a program that needs symbols of that version.
pub(super) fn find_libc(elf: &Elf<'_>) -> Mitigation<Libc> {
    let found = by_interpreter(elf).or_else(|| by_library_name(elf)).or_else(|| by_text(elf));
    if let Some((family, mut evidence)) = found {
        let version = find_version(elf, family, &mut evidence);
        return Mitigation::present(Libc { family: family.to_owned(), version }, evidence);
    }
    let undefined = elf.dynamic.exists && elf.dynamic_symbols.list.len() > 1;
    match elf.linkage().present() {
        Some(Linkage::Relocatable) => Mitigation::absent(Absence::NotApplicable, Vec::new()),
        Some(Linkage::Dynamic) if undefined => Mitigation::undetermined(
            "libc-unnamed",
            "the file names no C library; whoever loads it brings one",
        ),
        Some(Linkage::Static | Linkage::StaticPie) => Mitigation::undetermined(
            "libc-without-marks",
            "linked in whole, and no text of a known C library is in the file",
        ),
        _ => Mitigation::undetermined("libc-unnamed", "the file names no C library"),
    }
}

fn family_of(name: &str) -> Option<&'static str> {
    BY_NAME.iter().find(|(start, _)| name.starts_with(start)).map(|(_, family)| *family)
}

fn by_interpreter(elf: &Elf<'_>) -> Option<(&'static str, Vec<Evidence>)> {
    let (path, at) = elf.interpreter.as_ref()?;
    let family = family_of(path.rsplit('/').next()?)?;
    Some((family, vec![Evidence::at(format!("interpreter {path}"), *at)]))
}

fn by_library_name(elf: &Elf<'_>) -> Option<(&'static str, Vec<Evidence>)> {
    for entry in elf.dynamic.entries.iter().filter(|entry| entry.tag == DT_NEEDED) {
        let Some(name) = elf.strings.text(entry.value).map(readable) else { continue };
        let family = family_of(&name).or_else(|| {
            // musl and bionic share the plain name; only bionic versions its symbols `LIBC`.
            let plain = name == "libc.so" && elf.dynamic_symbols.whole;
            let bionic = memchr::memmem::find(elf.strings.table, b"\0LIBC\0").is_some();
            plain.then_some(if bionic { "bionic" } else { "musl" })
        });
        if let Some(family) = family {
            return Some((family, vec![Evidence::at(format!("DT_NEEDED {name}"), entry.at)]));
        }
    }
    let name = elf.soname.as_deref().filter(|name| name.starts_with("l"))?;
    Some((family_of(name)?, vec![Evidence::new(format!("DT_SONAME {name}"))]))
}

fn by_text(elf: &Elf<'_>) -> Option<(&'static str, Vec<Evidence>)> {
    const MARKS: [(Mark, &str); 6] = [
        (Mark::GlibcBanner, "glibc"),
        (Mark::MuslBanner, "musl"),
        (Mark::UClibc, "uclibc"),
        (Mark::Glibc, "glibc"),
        (Mark::Bionic, "bionic"),
        (Mark::Musl, "musl"),
    ];
    MARKS.iter().find_map(|&(mark, family)| {
        let at = elf.marks.first(mark)?;
        let text = elf.file.slice_up_to(at, 48);
        let text = text.split(|&byte| byte < b' ').next().unwrap_or_default();
        let evidence = Evidence::at(format!("text of {family}"), at).with_excerpt(text);
        Some((family, vec![evidence]))
    })
}

fn find_version(elf: &Elf<'_>, family: &str, evidence: &mut Vec<Evidence>) -> Option<String> {
    if family != "glibc" {
        return versioned_name(elf).inspect(|version| {
            evidence.push(Evidence::new(format!("version {version} in DT_SONAME")));
        });
    }
    if let Some(at) = elf.marks.first(Mark::GlibcBanner) {
        let banner = elf.file.text(at, 160).map(readable)?;
        let version = banner.split("version ").nth(1)?.trim_end_matches([',', '.']);
        let version = version.split([',', ' ']).next()?.trim_end_matches('.').to_owned();
        evidence.push(Evidence::at(format!("banner of version {version}"), at));
        return Some(version);
    }
    let (version, at) = highest_glibc_version(elf)?;
    let version = version.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    evidence.push(Evidence::at(format!("needs symbols of GLIBC_{version}"), at));
    Some(format!(">={version}"))
}

/// `libuClibc-0.9.30.so` and the like carry the version in their own name.
fn versioned_name(elf: &Elf<'_>) -> Option<String> {
    let name = elf.soname.as_deref()?.strip_prefix("libuClibc-")?;
    Some(name.trim_end_matches(".so").to_owned())
}

/// The highest `GLIBC_x.y` of the version needs (LSB, "Symbol Version Requirements").
fn highest_glibc_version(elf: &Elf<'_>) -> Option<(Vec<u32>, u64)> {
    let mut at = elf.segments.offset_of(elf.dynamic.value(DT_VERNEED)?)?;
    let files = elf.dynamic.value(DT_VERNEEDNUM)?.min(MOST_VERSIONS);
    let mut highest = None;
    for _ in 0..files {
        let count = u64::from(elf.file.half(at + 2)?);
        let mut need = at.checked_add(u64::from(elf.file.int(at + 8)?))?;
        for _ in 0..count.min(MOST_VERSIONS) {
            let name = elf.strings.text(u64::from(elf.file.int(need.checked_add(8)?)?));
            highest = highest.max(name.and_then(glibc_version).map(|version| (version, need)));
            match elf.file.int(need + 12)? {
                0 => break,
                next => need = need.checked_add(u64::from(next))?,
            }
        }
        match elf.file.int(at + 12)? {
            0 => break,
            next => at = at.checked_add(u64::from(next))?,
        }
    }
    highest
}

fn glibc_version(name: &[u8]) -> Option<Vec<u32>> {
    let digits = std::str::from_utf8(name.strip_prefix(b"GLIBC_")?).ok()?;
    digits.split('.').map(|number| number.parse().ok()).collect()
}
