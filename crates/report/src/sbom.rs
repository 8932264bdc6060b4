// SPDX-License-Identifier: Apache-2.0
//! What the two bills of materials have in common.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_model::{Digest, ElfFacts, Facts, FileRef, Image};

/// The image that the facts are about.
pub(crate) fn image(facts: &Facts) -> Result<&Image, serde_json::Error> {
    facts.image().ok_or_else(|| serde::ser::Error::custom("the facts hold no image line"))
}

/// Which component needs which others, by their number among the components.
pub(crate) struct Links {
    pub(crate) needs: Vec<BTreeSet<usize>>,
}

impl Links {
    /// From the libraries that the files of a component need, and from what its package database
    /// says. A library that two components ship links to both.
    pub(crate) fn new(facts: &Facts) -> Self {
        let elves: HashMap<Digest, &ElfFacts> =
            facts.elves().map(|elf| (elf.digest, &elf.facts)).collect();
        let mut providers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let mut names: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (index, component) in facts.components().enumerate() {
            names.entry(&component.name).or_default().insert(index);
            for file in &component.files {
                let name = String::from_utf8_lossy(file.path.file_name()).into_owned();
                providers.entry(name).or_default().insert(index);
            }
            let own = component.digests.iter().filter_map(|digest| elves.get(digest));
            for soname in own.filter_map(|elf| elf.soname.clone()) {
                providers.entry(soname).or_default().insert(index);
            }
        }
        let needs = facts.components().enumerate().map(|(index, component)| {
            let own = component.digests.iter().filter_map(|digest| elves.get(digest));
            let libraries = own.flat_map(|elf| &elf.needed).filter_map(|name| providers.get(name));
            let packages = component.depends.iter().filter_map(|name| names.get(name.as_str()));
            libraries.chain(packages).flatten().copied().filter(|other| *other != index).collect()
        });
        Self { needs: needs.collect() }
    }
}

/// Where a file is: the number of its container and the path there.
pub(crate) fn location(file: &FileRef) -> String {
    format!("{}:{}", file.container.0, file.path.absolute())
}

/// A UUID of version 8 (RFC 9562) from the SHA-256 of a purpose and an image digest: equal images
/// get equal identifiers.
pub(crate) fn uuid_of(purpose: &str, image: &Digest) -> String {
    let digest = Digest::of(format!("kakoi {purpose} {image}").as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// Seconds since 1970-01-01 UTC as RFC 3339, kept within the years 1970 to 9999.
pub(crate) fn timestamp(seconds: i64) -> String {
    const LAST: i64 = 253_402_300_799;
    let seconds = seconds.clamp(0, LAST);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days since 1970-01-01 as a Gregorian date, counted in years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A licence as a component's source writes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum License {
    /// A valid SPDX expression.
    Expression(String),
    /// Something else.
    Named(String),
}

/// Is this an SPDX expression with known identifiers? `LicenseRef-` is valid in both formats.
pub(crate) fn license(text: &str) -> License {
    let text = text.trim();
    match spdx::Expression::parse(text) {
        Ok(_) => License::Expression(text.to_owned()),
        Err(_) => License::Named(text.to_owned()),
    }
}

/// A `LicenseRef` that stands for a name that is no expression.
pub(crate) fn license_ref(name: &str) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let folded: String = name.chars().take(60).map(fold).collect();
    // Two names may fold into one text; the digest keeps them apart.
    format!("LicenseRef-{folded}-{}", &Digest::of(name.as_bytes()).short()[..8])
}

/// The `LicenseRef`s of an expression.
pub(crate) fn license_refs(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
    words.filter(|word| word.starts_with("LicenseRef-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_are_those_of_the_calendar() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp(1_709_164_800), "2024-02-29T00:00:00Z");
        assert_eq!(timestamp(i64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(timestamp(-5), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn only_valid_expressions_are_expressions() {
        let valid = ["MIT", "GPL-2.0-only WITH Linux-syscall-note", "(MIT OR Zlib) AND curl"];
        for text in valid.into_iter().chain(["LicenseRef-proprietary"]) {
            assert_eq!(license(text), License::Expression(text.to_owned()));
        }
        for text in ["GPL", "see COPYING", "", "MIT AND"] {
            assert_eq!(license(text), License::Named(text.to_owned()));
        }
        assert!(license_ref("GPL v2+").starts_with("LicenseRef-GPL-v2--"));
        assert_ne!(license_ref("a b"), license_ref("a-b"));
    }

    #[test]
    fn identifiers_depend_on_image_and_purpose_only() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(uuid_of("x", &a), uuid_of("x", &a));
        assert_ne!(uuid_of("x", &a), uuid_of("x", &b));
        assert_ne!(uuid_of("x", &a), uuid_of("y", &a));
        assert_eq!(uuid_of("x", &a).as_bytes()[14], b'8');
    }
}
