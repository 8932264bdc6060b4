// SPDX-License-Identifier: Apache-2.0
//! Texts in one content that name components.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use kakoi_model::escape;
use regex::bytes::Captures;

use super::Mark;
use super::rules::{MarkRule, Pattern, Rule, SHIPPED, VersionPlace};
use super::scan::Scanner;

/// How far behind a text its version may reach.
const AFTER: usize = 128;
/// How far before a text its version may begin.
const BEFORE: usize = 64;
/// How far from a text a version that stands alone may be.
const NEAR: usize = 256;
/// As many versions as one text may tell in one file.
const MAX_OWN: usize = 8;
/// Longest excerpt.
const EXCERPT: usize = 80;

struct Anchors {
    scanner: Scanner,
    /// By number in the scanner: the rule and its mark.
    owners: Vec<(usize, usize)>,
}

static ANCHORS: LazyLock<Anchors> = LazyLock::new(|| {
    let mut owners = Vec::new();
    let mut texts = Vec::new();
    for (rule_index, rule) in SHIPPED.rules.iter().enumerate() {
        for (index, mark) in rule.marks.iter().enumerate().filter(|(_, mark)| !mark.own) {
            owners.push((rule_index, index));
            texts.push(mark.at.clone());
        }
    }
    Anchors { scanner: Scanner::new(texts), owners }
});

/// Marks in one content, one per rule, pattern and version, in the order of their offsets.
pub(super) fn find(content: &[u8]) -> Vec<Mark> {
    let mut marks = BTreeMap::new();
    ANCHORS.scanner.scan(content, |number, at| {
        let Some(&(rule, pattern)) = ANCHORS.owners.get(number) else { return };
        let Some(rule) = SHIPPED.rules.get(rule) else { return };
        if let Some(mark) = read_mark(rule, pattern, content, at) {
            let key = (mark.rule.clone(), pattern, mark.version.clone());
            marks.entry(key).or_insert(mark);
        }
    });
    let mut marks: Vec<_> = marks.into_values().collect();
    marks.sort_by_key(|mark| mark.offset);
    marks
}

/// Marks that count only in a file that bears a name of the rule.
pub(super) fn find_own(rule: &Rule, content: &[u8]) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (pattern, mark) in rule.marks.iter().enumerate().filter(|(_, mark)| mark.own) {
        let places = memchr::memmem::find_iter(content, &mark.at);
        let found = places.filter_map(|at| read_mark(rule, pattern, content, at));
        // All of them, since two versions are none; but not a mark for each object file of a library.
        let mut versions = BTreeSet::new();
        marks.extend(found.filter(|mark| versions.insert(mark.version.clone())).take(MAX_OWN));
    }
    marks
}

/// The only text in the content that could be the version, if there is exactly one.
pub(super) fn find_sole(rule: &Rule, content: &[u8]) -> Option<Mark> {
    let pattern = rule.sole.as_ref()?;
    let mut only: Option<(String, usize)> = None;
    for (at, text) in texts(content, 0) {
        let Some(version) = version_of(pattern.captures(text)) else { continue };
        match &only {
            Some((seen, _)) if *seen != version => return None,
            Some(_) => {}
            None => only = Some((version, at)),
        }
    }
    let (version, at) = only?;
    let rule = rule.name.clone();
    Some(Mark {
        rule,
        excerpt: version.clone(),
        version: Some(version),
        offset: at as u64,
        pattern: 99,
    })
}

fn read_mark(rule: &Rule, pattern: usize, content: &[u8], at: usize) -> Option<Mark> {
    let mark = rule.marks.get(pattern)?;
    let end = at + mark.at.len();
    let behind = content.get(end..(end + AFTER).min(content.len()))?;
    let (version, start) = match &mark.place {
        VersionPlace::None => (None, at),
        VersionPlace::Then(regex) => (Some(version_of(regex.captures(behind))?), at),
        VersionPlace::Before(regex) => {
            let before = content.get(at.saturating_sub(BEFORE)..at)?;
            let groups = regex.captures(before)?;
            let back = before.len() - groups.get(0)?.start();
            (Some(version_of(Some(groups))?), at - back)
        }
        VersionPlace::Near(regex) => (closest(regex, content, at, end), at),
    };
    let version = version.map(|version| format!("{}{version}", mark.prefix));
    if version.as_deref().is_some_and(is_implausible) {
        return None;
    }
    Some(Mark {
        rule: rule.name.clone(),
        version,
        offset: start as u64,
        excerpt: excerpt(content, start, mark),
        pattern,
    })
}

fn version_of(groups: Option<Captures<'_>>) -> Option<String> {
    let groups = groups?;
    let text = groups.get(1).or_else(|| groups.get(0))?;
    Some(String::from_utf8_lossy(text.as_bytes()).into_owned())
}

/// The NUL-terminated text that matches and is closest to `start..end`.
fn closest(regex: &Pattern, content: &[u8], start: usize, end: usize) -> Option<String> {
    let from = start.saturating_sub(NEAR);
    let region = content.get(from..(end + NEAR).min(content.len()))?;
    let distance = |at: usize| if at < start { start - at } else { at.saturating_sub(end) };
    texts(region, from)
        .filter_map(|(at, text)| Some((distance(at), version_of(regex.captures(text))?)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, version)| version)
}

/// NUL-terminated texts of a length that a version has, with their offsets.
fn texts(region: &[u8], base: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut last = None;
    memchr::memchr_iter(0, region).filter_map(move |end| {
        let start = last.map_or(0, |last| last + 1);
        last = Some(end);
        let text = region.get(start..end)?;
        // A number right behind code has no terminator before it: take its printable end.
        let keep = text.iter().rev().take_while(|byte| byte.is_ascii_graphic() || **byte == b' ');
        let keep = keep.count();
        let text = text.get(text.len() - keep..)?;
        (3..=48).contains(&text.len()).then_some((base + end - keep, text))
    })
}

/// Numbers that no release has.
fn is_implausible(version: &str) -> bool {
    version.split(|c: char| !c.is_ascii_digit()).all(|part| part.bytes().all(|byte| byte == b'0'))
}

fn excerpt(content: &[u8], start: usize, mark: &MarkRule) -> String {
    let rest = content.get(start..).unwrap_or_default();
    let least = mark.at.iter().take_while(|byte| **byte != 0).count();
    let printable =
        rest.iter().take(EXCERPT).take_while(|byte| matches!(byte, b'\t' | b' '..=b'~')).count();
    escape(rest.get(..printable.max(least.min(rest.len()))).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(content: &[u8]) -> Vec<(String, Option<String>)> {
        find(content).into_iter().map(|mark| (mark.rule, mark.version)).collect()
    }

    #[test]
    fn a_version_behind_its_text_is_told_with_its_place() {
        let marks = find(b"\0\0BusyBox v1.19.4 (2013-08-01)\0SSH-2.0-dropbear_2014.63\0");
        assert_eq!(marks.len(), 2);
        assert_eq!(marks[0].version.as_deref(), Some("1.19.4"));
        assert_eq!(marks[0].offset, 2);
        assert_eq!(marks[0].excerpt, "BusyBox v1.19.4 (2013-08-01)");
        assert_eq!(marks[1].version.as_deref(), Some("2014.63"));
    }

    #[test]
    fn openssl_needs_its_date_and_loses_its_fips_suffix() {
        let of = |text: &[u8]| versions(text).pop().and_then(|(_, version)| version);
        assert_eq!(of(b"OpenSSL 1.0.2k-fips  26 Jan 2017").as_deref(), Some("1.0.2k"));
        assert_eq!(of(b"OpenSSL 0.9.8e 23 Feb 2007").as_deref(), Some("0.9.8e"));
        assert_eq!(of(b"needs OpenSSL 1.0.2 or later"), None);
    }

    #[test]
    fn a_version_that_stands_alone_near_its_text_is_the_closest_one() {
        let content = b"9.9.9\0xxxxxxxxxxxx\x002.0.11\0mosquitto version %s\n\0";
        let expected = ("mosquitto".to_owned(), Some("2.0.11".to_owned()));
        assert_eq!(versions(content), [expected]);
    }

    #[test]
    fn a_sole_version_is_given_up_when_there_are_two() {
        let rule = SHIPPED.named("sqlite").unwrap();
        let sole = |content: &[u8]| find_sole(rule, content).and_then(|mark| mark.version);
        assert_eq!(sole(b"\x08\x003.40.1\0\x01").as_deref(), Some("3.40.1"));
        assert_eq!(sole(b"3.40.1\x003.40.1\0").as_deref(), Some("3.40.1"));
        assert_eq!(sole(b"3.40.1\x003.41.0\0"), None);
        assert_eq!(sole(b"3.40.1"), None);
    }

    #[test]
    fn any_bytes_are_passed_over_without_a_panic() {
        for length in 0..40 {
            let mut content = b"BusyBox v1.2.3 SAMBA_4 utility, iproute2-ss".to_vec();
            content.truncate(length);
            content.push(0xff);
            find(&content);
        }
        assert_eq!(versions(b"BusyBox v0.0.0"), []);
    }
}
