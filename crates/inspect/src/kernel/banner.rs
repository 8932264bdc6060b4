// SPDX-License-Identifier: Apache-2.0
//! The banner `Linux version RELEASE (builder@host) (compiler) #N FLAGS DATE` (init/version.c), and
//! whether the bytes around it are a kernel at all.

use kakoi_model::{KernelVersion, escape};
use memchr::{memchr2, memmem};

const OPENING: &[u8] = b"Linux version ";
/// Banners of distributions with long builder and compiler names stay below this.
const MAX_BANNER: usize = 512;
/// Smallest decompressed kernel seen: 1.0 MB. Below this it is text, a module or a program.
const MIN_KERNEL_BYTES: usize = 256 << 10;
/// Texts of the core that every configuration or nearly every one keeps, 2.4 to 7.x; three make a kernel.
const CORE_TEXTS: [&[u8]; 10] = [
    b"Kernel panic",
    b"/sbin/init",
    b"Unable to handle kernel",
    b"Calibrating delay",
    b"Freeing unused kernel",
    b"Kernel command line",
    b"VFS: Cannot open root device",
    b"No init found",
    b"initcall_debug",
    b"swapper",
];

/// A banner that is not a format string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Banner {
    pub(super) offset: usize,
    /// One line, escaped.
    pub(super) text: String,
    pub(super) release: String,
    pub(super) version: KernelVersion,
    pub(super) compiler: Option<String>,
    pub(super) built: Option<String>,
    /// The words between `#N` and the date: `SMP`, `PREEMPT`, `PREEMPT_RT`.
    pub(super) flags: Vec<String>,
}

/// The banner of a kernel; none when the bytes are a text, a program or a module that has one.
pub(super) fn find_banner(content: &[u8]) -> Option<Banner> {
    if content.len() < MIN_KERNEL_BYTES {
        return None;
    }
    let banner = memmem::find_iter(content, OPENING).find_map(|at| parse_at(content, at))?;
    let texts = CORE_TEXTS.iter().filter(|text| memmem::find(content, text).is_some()).take(3);
    (texts.count() == 3).then_some(banner)
}

fn parse_at(content: &[u8], offset: usize) -> Option<Banner> {
    let line = content.get(offset..content.len().min(offset.checked_add(MAX_BANNER)?))?;
    let end = memchr2(b'\n', 0, line)?;
    // The kernel's own string ends with a line feed and a zero; lines of a log do not.
    let ended = match line.get(end) {
        Some(b'\n') => content.get(offset + end + 1) == Some(&0),
        _ => true,
    };
    let line = line.get(..end)?;
    (ended && !line.contains(&b'%')).then(|| parse_banner(line, offset))?
}

/// Reads one banner line.
pub(super) fn parse_banner(line: &[u8], offset: usize) -> Option<Banner> {
    let text = escape(line);
    let rest = text.strip_prefix("Linux version ")?;
    let (release, rest) = rest.split_once(' ')?;
    let version = parse_version(release)?;
    let (groups, tail) = split_groups(rest);
    let builder = groups.first()?;
    if !builder.contains('@') {
        return None;
    }
    let (flags, built) = parse_tail(&tail);
    Some(Banner {
        offset,
        release: release.to_owned(),
        version,
        compiler: groups.get(1).map(|compiler| compiler.trim().to_owned()),
        built,
        flags,
        text,
    })
}

/// First three numbers of a release; the third may be missing.
pub(super) fn parse_version(release: &str) -> Option<KernelVersion> {
    let mut numbers = release.splitn(3, '.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..digits)?.parse::<u16>().ok()
    });
    let major = numbers.next()??;
    let minor = numbers.next()??;
    let patch = numbers.next().flatten().unwrap_or(0);
    (1..100).contains(&major).then_some(KernelVersion(major, minor, patch))
}

/// The parts in balanced brackets at the start, and what follows them.
fn split_groups(text: &str) -> (Vec<&str>, String) {
    let mut groups = Vec::new();
    let mut rest = text.trim_start();
    while let Some(end) = closing(rest) {
        groups.extend(rest.get(1..end));
        rest = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    (groups, rest.to_owned())
}

fn closing(text: &str) -> Option<usize> {
    if !text.starts_with('(') {
        return None;
    }
    let mut depth = 0_u32;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// `#1 SMP PREEMPT Debian 5.10.223-1 (2024-08-10)` or `#20 PREEMPT Wed Aug 23 17:45:28 CST 2017`.
fn parse_tail(tail: &str) -> (Vec<String>, Option<String>) {
    let Some((_, tail)) = tail.split_once('#') else { return (Vec::new(), None) };
    let tail = tail.trim_start_matches(|c: char| !c.is_whitespace()).trim_start();
    let mut flags = Vec::new();
    let mut rest = tail;
    while let Some((word, after)) =
        rest.split_once(' ').or((!rest.is_empty()).then_some((rest, "")))
        && (word == "SMP" || word.starts_with("PREEMPT") || word == "RT")
    {
        flags.push(word.to_owned());
        rest = after.trim_start();
    }
    (flags, (!rest.is_empty()).then(|| rest.to_owned()))
}

/// The version text of an x86 boot image that is still compressed (Documentation/arch/x86/boot.rst:
/// `HdrS` at 0x202, `kernel_version` at 0x20e counts from 0x200), and whether it is a 64-bit one.
pub(super) fn find_boot_header(content: &[u8]) -> Option<(Banner, bool)> {
    if content.get(0x202..0x206)? != b"HdrS" || content.get(0x1fe..0x200)? != [0x55, 0xaa] {
        return None;
    }
    let pointer = u16::from_le_bytes(content.get(0x20e..0x210)?.try_into().ok()?);
    let offset = usize::from(pointer).checked_add(0x200)?;
    let text = content.get(offset..content.len().min(offset + MAX_BANNER))?;
    let text = text.get(..memchr::memchr(0, text)?)?;
    let banner = parse_banner(&[OPENING, text].concat(), offset)?;
    Some((banner, content.get(0x236).is_some_and(|flags| flags & 1 != 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_of_vendors_and_distributions_are_taken_apart() {
        let line = b"Linux version 2.6.31--LSDK-9.2.0.312 (tomcat@buildserver) (gcc version 4.3.3 (GCC) ) #4 Mon Sep 21 17:19:36 CST 2015";
        let banner = parse_banner(line, 0).unwrap();
        assert_eq!(banner.release, "2.6.31--LSDK-9.2.0.312");
        assert_eq!(banner.version, KernelVersion(2, 6, 31));
        assert_eq!(banner.compiler.as_deref(), Some("gcc version 4.3.3 (GCC)"));
        assert_eq!(banner.built.as_deref(), Some("Mon Sep 21 17:19:36 CST 2015"));
        let line = b"Linux version 6.1.0-50-4kc-malta (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_RT Debian 6.1.176-1 (2026-07-20)";
        let banner = parse_banner(line, 0).unwrap();
        assert_eq!(banner.flags, ["SMP", "PREEMPT_RT"]);
        assert_eq!(banner.built.as_deref(), Some("Debian 6.1.176-1 (2026-07-20)"));
    }

    #[test]
    fn format_strings_and_module_versions_are_no_banners() {
        assert_eq!(parse_banner(b"Linux version %s (%s)", 0), None);
        assert_eq!(parse_banner(b"Linux version v4.19.221-0-g5fd3cce374df", 0), None);
        assert_eq!(parse_banner(b"Linux version wt-2017-01-31-0-ge882dff19e7f", 0), None);
    }
}
