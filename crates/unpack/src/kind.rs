// SPDX-License-Identifier: Apache-2.0
//! What kind of content bytes are, when they are not a container.

/// Kind of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentKind {
    /// Stable name: `elf`, `script`, `text`, …
    pub name: &'static str,
    /// For scripts: the interpreter line without `#!`.
    pub interpreter: Option<String>,
}

impl ContentKind {
    const fn named(name: &'static str) -> Self {
        Self { name, interpreter: None }
    }

    /// Can more containers lie somewhere inside? Not in kinds whose structure is known to the end.
    #[must_use]
    pub fn may_hold_containers(&self) -> bool {
        matches!(self.name, "data" | "linux-kernel" | "u-boot")
    }
}

/// Magics of kinds that hold nothing to unpack. Sources: the formats' specifications.
const MAGICS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "elf"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"\0\0\x01\0", "ico"),
    (b"RIFF", "riff"),
    (b"OggS", "ogg"),
    (b"ID3", "mp3"),
    (b"%PDF-", "pdf"),
    (b"CWS", "flash"),
    (b"FWS", "flash"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"\0\x01\0\0\0", "font"),
    (b"OTTO", "font"),
    (b"\xca\xfe\xba\xbe", "java-class"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\x1bLua", "lua-bytecode"),
    (b"-----BEGIN ", "pem"),
    (b"bFLT", "bflt"),
    (b"QFI\xfb", "qcow"),
    (b"\xd0\x0d\xfe\xed", "device-tree"),
    (b"MZ", "pe"),
];

/// How much of a content is looked at to tell text from data.
const SAMPLE: usize = 4096;

/// Tells the kind of a content from its first bytes.
#[must_use]
pub fn find_kind(content: &[u8]) -> ContentKind {
    if content.is_empty() {
        return ContentKind::named("empty");
    }
    if let Some(line) = content.strip_prefix(b"#!") {
        return script(line);
    }
    if is_kernel_image(content) {
        return ContentKind::named("linux-kernel");
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| content.starts_with(magic)) {
        return ContentKind::named(check_weak(name, content));
    }
    let sample = &content[..content.len().min(SAMPLE)];
    if is_text(sample) {
        return ContentKind::named(text_kind(sample));
    }
    if memchr::memmem::find_iter(content, b"Linux version ").any(|at| is_banner(content, at)) {
        return ContentKind::named("linux-kernel");
    }
    if is_boot_loader(content) {
        return ContentKind::named("u-boot");
    }
    ContentKind::named("data")
}

/// Kernels of arm64 and RISC-V are programs of EFI, too, and would be taken for such (Linux
/// Documentation/arch/arm64/booting.rst, arch/riscv/boot-image-header.rst).
fn is_kernel_image(content: &[u8]) -> bool {
    matches!(content.get(0x38..0x3c), Some(b"ARM\x64" | b"RSC\x05"))
}

/// U-Boot prints its version and the date of its build.
fn is_boot_loader(content: &[u8]) -> bool {
    memchr::memmem::find_iter(content, b"U-Boot ").any(|at| {
        let rest = content.get(at + 7..at + 11).unwrap_or_default();
        rest.first().is_some_and(u8::is_ascii_digit) || rest == b"SPL "
    })
}

/// Two-letter magics need a second witness.
fn check_weak(name: &'static str, content: &[u8]) -> &'static str {
    let consistent = match name {
        "bmp" => le32(content, 2).is_some_and(|size| size as usize == content.len()),
        "pe" => le32(content, 0x3c)
            .and_then(|at| content.get(at as usize..)?.get(..4))
            .is_some_and(|signature| signature == b"PE\0\0"),
        "ico" => content.get(4).is_some_and(|&count| count > 0) && content.get(5) == Some(&0),
        _ => true,
    };
    if consistent { name } else { "data" }
}

fn le32(content: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(content.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn script(line: &[u8]) -> ContentKind {
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(200)];
    ContentKind { name: "script", interpreter: Some(kakoi_model::escape(line.trim_ascii())) }
}

/// Text: no control characters but white space, escape and form feed; UTF-8 or one 8-bit set.
fn is_text(sample: &[u8]) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
    if sample.iter().any(control) {
        return false;
    }
    let high = sample.iter().filter(|byte| !byte.is_ascii()).count();
    high == 0 || utf8_prefix(sample) || high * 3 < sample.len()
}

/// UTF-8, perhaps cut inside the last character by the sample's end.
fn utf8_prefix(sample: &[u8]) -> bool {
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

fn text_kind(sample: &[u8]) -> &'static str {
    let start = sample.trim_ascii_start().to_ascii_lowercase();
    let is = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| start.starts_with(prefix));
    if is(&[b"<!doctype html", b"<html", b"<head", b"<script"]) {
        "html"
    } else if is(&[b"<?xml", b"<svg"]) {
        "xml"
    } else {
        "text"
    }
}

/// A program without dynamic linker that carries a kernel's banner, or no program but a kernel
/// (`vmlinux`, `vmlinuz` of MIPS): other containers may lie in it. `e_type` 2 is ET_EXEC.
pub(crate) fn is_kernel_elf(content: &[u8]) -> bool {
    let big = content.get(5) == Some(&2);
    let executable = content.get(if big { 17 } else { 16 }) == Some(&2);
    let head = content.get(..4096).unwrap_or(content);
    let loader = memchr::memmem::find(head, b"/ld").is_some();
    executable && !loader && has_kernel_text(content)
}

/// Texts that only a kernel, or the decompressor in front of one, contains.
fn has_kernel_text(content: &[u8]) -> bool {
    let banner = memchr::memmem::find_iter(content, b"Linux version ");
    banner.into_iter().any(|at| is_banner(content, at))
        || memchr::memmem::find(content, b"Now, booting the kernel").is_some()
        || memchr::memmem::find(content, b"Uncompressing Linux").is_some()
}

/// `Linux version ` followed by a digit is a kernel's banner, not the format string of one.
pub(crate) fn is_banner(content: &[u8], at: usize) -> bool {
    content.get(at + b"Linux version ".len()).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_from_the_first_bytes() {
        for (content, kind) in [
            (&b""[..], "empty"),
            (b"\x7fELF\x01\x01\x01", "elf"),
            (b"#!/bin/sh -e\necho", "script"),
            (b"<!DOCTYPE HTML>", "html"),
            (b"BM is not a picture", "text"),
            (b"caf\xe9 cr\xe8me, all of it in Latin-1 text", "text"),
            (b"\x00\x01\x02Linux version 2.6.31 (gcc)", "linux-kernel"),
            (b"\x00\x01\x02Linux version %s", "data"),
            (b"\x00\x01\x02U-Boot 2013.07 (Jul 28 2017)", "u-boot"),
            (b"\x00\x01\x02U-Boot at: %08lx", "data"),
            (b"\xd0\x0d\xfe\xed\0\0\0\x48", "device-tree"),
        ] {
            let found = find_kind(content).name;
            let weak = content.starts_with(b"BM");
            assert!(found == kind || (weak && found == "data"), "{content:?} gives {found}");
        }
        assert_eq!(find_kind(b"#!/bin/sh -e\n").interpreter.as_deref(), Some("/bin/sh -e"));
    }

    #[test]
    fn a_kernel_of_arm64_is_no_windows_program() {
        let mut image = vec![0; 0x80];
        image[..2].copy_from_slice(b"MZ");
        image[0x3c] = 0x40;
        image[0x40..0x44].copy_from_slice(b"PE\0\0");
        assert_eq!(find_kind(&image).name, "pe");
        image[0x38..0x3c].copy_from_slice(b"ARM\x64");
        assert_eq!(find_kind(&image).name, "linux-kernel");
    }
}
