// SPDX-License-Identifier: Apache-2.0
//! Texts of a program without what every build changes: versions, dates, times, build paths.

/// The text with a mark in place of each version, date, time and directory. Two builds of one source give the same.
#[must_use]
pub fn mask(text: &str) -> String {
    if is_source(text) {
        return text.rsplit('/').next().unwrap_or(text).to_owned();
    }
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return without_build_path(text);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // `__LINE__` as a text.
        return "\u{1}n".to_owned();
    }
    let dated = words(text).any(|(word, _)| is_month(word));
    // `__DATE__` has two spaces before a day of one digit.
    let text = if dated { &text.replace("  ", " ") } else { text };
    let mut masked = String::with_capacity(text.len());
    for (word, is_word) in words(text) {
        match is_word.then(|| mark(word, dated)).flatten() {
            Some(mark) => masked.push_str(mark),
            None => masked.push_str(word),
        }
    }
    without_build_path(&masked)
}

/// Does the text name a source file, as `__FILE__` does?
#[must_use]
pub fn is_source(text: &str) -> bool {
    const SUFFIXES: [&str; 12] =
        [".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".y", ".l", ".rs", ".S", ".inc"];
    text.len() < 256
        && !text.contains([' ', '%', '*', '\n'])
        && SUFFIXES.iter().any(|suffix| text.len() > suffix.len() && text.ends_with(suffix))
}

/// Runs of what versions are written with, and what lies between them.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_word = rest.chars().next().map(belongs)?;
        let end = rest.find(|c| belongs(c) != is_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some((word, is_word))
    })
}

fn belongs(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '-' | ':')
}

fn mark(word: &str, dated: bool) -> Option<&'static str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return (dated && is_month(word)).then_some("\u{1}month");
    }
    if digits == word.len() {
        return dated.then_some("\u{1}n");
    }
    if is_address(word) {
        return None;
    }
    let colons = word.bytes().filter(|byte| *byte == b':').count();
    if colons == 2 && digits + 2 == word.len() {
        return Some("\u{1}time");
    }
    (is_version(word) || is_date(word)).then_some("\u{1}version")
}

/// Digit, dot, digit anywhere; or a revision of a distribution (`deb11u3`, `r2`).
fn is_version(word: &str) -> bool {
    let bytes = word.as_bytes();
    let dotted = bytes
        .windows(3)
        .any(|w| matches!(w, [a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit()));
    let revised = word.contains("deb") && word.contains('u') && word.contains('+');
    dotted || revised
}

/// 2023-09-11.
fn is_date(word: &str) -> bool {
    let mut parts = word.split('-');
    let sizes = [4, 2, 2];
    sizes.iter().all(|size| {
        parts.next().is_some_and(|part| {
            part.len() == *size && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    }) && parts.next().is_none()
}

/// Four numbers below 256 are a network address, which is meaning.
fn is_address(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok())
}

fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.contains(&word)
}

/// `/build/NAME-xyz/…/file` is the file.
fn without_build_path(text: &str) -> String {
    let built = text.starts_with('/')
        && !text.contains(char::is_whitespace)
        && ["/build", "/tmp/", "/home/", "/usr/src/", "/root/"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
    if built {
        format!("\u{1}path/{}", text.rsplit('/').next().unwrap_or(""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{is_source, mask};

    #[test]
    fn builds_of_one_source_have_the_same_masked_texts() {
        assert_eq!(mask("OpenSSH_8.4p1 Debian-5+deb11u3"), mask("OpenSSH_8.4p1 Debian-5+deb11u7"));
        assert_eq!(
            mask("built on Sep 11 2023 at 10:11:12"),
            mask("built on Jan  2 2024 at 01:02:03")
        );
        assert_eq!(mask("/build/a-Xy1/a-1.2/src/main.c"), mask("../src/main.c"));
        assert_eq!(mask("123"), mask("126"));
    }

    #[test]
    fn what_means_something_is_not_masked() {
        assert_ne!(mask("127.0.0.1"), mask("0.0.0.0"));
        assert_ne!(mask("buffer too small"), mask("buffer too large"));
        assert_ne!(mask("/etc/passwd"), mask("/etc/shadow"));
        assert_eq!(mask("%d.%d"), "%d.%d");
        assert!(is_source("lib/x509.c") && !is_source("cannot open a.c"));
    }
}
