// SPDX-License-Identifier: Apache-2.0
//! Order of versions.

use std::cmp::Ordering;

/// A part of a version.
#[derive(PartialEq, Eq)]
enum Part<'a> {
    Number(&'a str),
    Word(&'a str),
}

/// Compares two upstream versions: runs of digits as numbers, runs of letters as words. Before a release come its `alpha`,
/// `beta`, `pre` and `rc`; other letters come after it (`1.0.2k` after `1.0.2`, `9.2p1` after `9.2`).
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (upstream(left), upstream(right));
    let (mut a, mut b) = (parts(left), parts(right));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(part), None) => after_the_end(&part),
            (None, Some(part)) => after_the_end(&part).reverse(),
            (Some(Part::Number(one)), Some(Part::Number(other))) => numbers(one, other),
            (Some(Part::Word(one)), Some(Part::Word(other))) => {
                one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase())
            }
            // 1.2.1 comes after 1.2rc1 and after 1.2a.
            (Some(Part::Number(_)), Some(Part::Word(_))) => Ordering::Greater,
            (Some(Part::Word(_)), Some(Part::Number(_))) => Ordering::Less,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn after_the_end(part: &Part<'_>) -> Ordering {
    const BEFORE: [&str; 6] = ["alpha", "beta", "pre", "rc", "dev", "test"];
    match part {
        Part::Number(digits) if digits.bytes().all(|byte| byte == b'0') => Ordering::Equal,
        Part::Word(word) if BEFORE.contains(&word.to_ascii_lowercase().as_str()) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Without the epoch and revision of a distribution, and without a leading `v`.
#[must_use]
pub fn upstream(version: &str) -> &str {
    let version = version.trim();
    let version = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => version,
    };
    version
        .strip_prefix(['v', 'V'])
        .filter(|it| it.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(version)
}

/// The upstream part of a Debian version: what comes before the last hyphen, without `+dfsg` and the like.
#[must_use]
pub fn without_revision(version: &str) -> &str {
    let version = upstream(version);
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    let cut =
        ["+dfsg", "+ds", "~dfsg", "+really"].iter().filter_map(|mark| version.find(mark)).min();
    cut.and_then(|at| version.get(..at)).unwrap_or(version)
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let first = rest.chars().next()?;
        let is_digit = first.is_ascii_digit();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() || c.is_ascii_digit() != is_digit)
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(if is_digit { Part::Number(part) } else { Part::Word(part) })
    })
}

/// Compares two Debian versions as `dpkg --compare-versions` does (deb-version(7)): epoch, then upstream, then revision; `~`
/// sorts before the end.
#[must_use]
pub fn compare_debian(left: &str, right: &str) -> Ordering {
    let split = |version: &str| -> (u64, String, String) {
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch, upstream.to_owned(), revision.to_owned())
    };
    let (a, b) = (split(left.trim()), split(right.trim()));
    a.0.cmp(&b.0).then_with(|| verrevcmp(&a.1, &b.1)).then_with(|| verrevcmp(&a.2, &b.2))
}

/// Non-digits by their rank, digits as numbers, in turn.
fn verrevcmp(left: &str, right: &str) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    let (mut a, mut b) = (left.as_bytes(), right.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        loop {
            let is_word = |it: &[u8]| it.first().is_some_and(|byte| !byte.is_ascii_digit());
            if !is_word(a) && !is_word(b) {
                break;
            }
            let order = rank(a.first()).cmp(&rank(b.first()));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (a.get(1..).unwrap_or_default(), b.get(1..).unwrap_or_default());
        }
        let digits = |it: &[u8]| it.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (one, rest) = a.split_at(digits(a));
        let (other, rest_other) = b.split_at(digits(b));
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        let order = numbers(&text(one), &text(other));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest, rest_other);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_projects_release_them() {
        let rising = [
            "0.9.8",
            "1.0.0-beta1",
            "1.0.0-rc2",
            "1.0.0",
            "1.0.2",
            "1.0.2k",
            "1.0.2u",
            "1.1.1w",
            "1.10",
            "2019.78",
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("v1.2", "1.2.0"), Ordering::Equal);
        assert_eq!(compare("9.2", "9.2p1"), Ordering::Less);
        assert_eq!(compare("99999999999999999999999", "100000000000000000000000"), Ordering::Less);
    }

    #[test]
    fn debian_versions_are_ordered_as_dpkg_orders_them() {
        for (less, more) in [
            ("1.0~rc1-1", "1.0-1"),
            ("1:0.5-1", "2:0.1-1"),
            ("1.30.1-6", "1.30.1-6+deb11u1"),
            ("1.1.1w-0+deb11u1", "1.1.1w-0+deb11u8"),
            ("5.2.5-2.1~deb11u1", "5.2.5-2.1"),
            ("2.9.0-21+deb11u2", "2.9.0-21+deb11u10"),
        ] {
            assert_eq!(compare_debian(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(compare_debian(more, less), Ordering::Greater, "{less} {more}");
        }
        assert_eq!(compare_debian("1.0-1", "0:1.0-1"), Ordering::Equal);
        assert_eq!(without_revision("1:1.6.9+dfsg-1+deb11u1"), "1.6.9");
        assert_eq!(without_revision("2.10-12+deb12u2"), "2.10");
    }
}
