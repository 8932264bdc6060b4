// SPDX-License-Identifier: Apache-2.0
//! The rules file, `rules/components.toml`, compiled into the program and checked once.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use kakoi_model::ComponentKind;
use regex::bytes::{Captures, Regex};
use serde::Deserialize;

use crate::text::is_printable;

/// The text of the rules, as shipped.
const RULES: &str = include_str!("../../../../rules/components.toml");

/// The rules as shipped. A rule that does not compile is left out; a test holds that none is.
pub(super) static SHIPPED: LazyLock<Rules> = LazyLock::new(|| Rules::parse(RULES).0);

/// All rules, ordered by name.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
}

/// One component that can be recognised.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) kind: ComponentKind,
    /// Vendor and product of the CPE dictionary.
    pub(super) cpe: Option<(String, String)>,
    pub(super) license: Option<String>,
    files: Vec<String>,
    sonames: Vec<String>,
    packages: Vec<String>,
    pub(super) marks: Vec<MarkRule>,
    /// Version in a file name.
    file: Option<Pattern>,
    /// A text that could be the version, whole.
    pub(super) sole: Option<Pattern>,
}

/// A regular expression that is compiled when it is first needed: most images need few of the 400,
/// and compiling all takes longer than scanning a root file system.
pub(super) struct Pattern {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

/// A text that names a component.
pub(super) struct MarkRule {
    /// The literal text.
    pub(super) at: Vec<u8>,
    /// Where the version stands.
    pub(super) place: VersionPlace,
    /// Stands before group 1.
    pub(super) prefix: String,
    /// Counts only in files with a name of the rule.
    pub(super) own: bool,
    /// Is it a function that the component defines? Files that import it are users of it.
    pub(super) symbol: bool,
}

/// Where the version stands, seen from the literal text.
pub(super) enum VersionPlace {
    /// Nowhere.
    None,
    /// Right behind.
    Then(Pattern),
    /// Right before.
    Before(Pattern),
    /// A NUL-terminated text in the neighbourhood.
    Near(Pattern),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    kind: Option<ComponentKind>,
    cpe: Option<String>,
    license: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    sonames: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    marks: Vec<RawMark>,
    #[serde(default)]
    symbols: Vec<String>,
    file: Option<String>,
    sole: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMark {
    at: String,
    then: Option<String>,
    before: Option<String>,
    near: Option<String>,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    own: bool,
}

impl Rules {
    /// The rules that are well formed, and what is wrong with the others.
    pub(super) fn parse(text: &str) -> (Self, Vec<String>) {
        let raw: BTreeMap<String, RawRule> = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => return (Self::default(), vec![error.to_string()]),
        };
        let mut rules = Vec::new();
        let mut faults = Vec::new();
        for (name, raw) in raw {
            match Rule::new(&name, raw) {
                Ok(rule) => rules.push(rule),
                Err(fault) => faults.push(format!("{name}: {fault}")),
            }
        }
        (Self { rules }, faults)
    }

    /// The rule with this name.
    pub(super) fn named(&self, name: &str) -> Option<&Rule> {
        let index = self.rules.binary_search_by(|rule| rule.name.as_str().cmp(name)).ok()?;
        self.rules.get(index)
    }

    /// The rule for a package: an exact name wins over a pattern, a longer pattern over a shorter.
    pub(super) fn for_package(&self, package: &str) -> Option<&Rule> {
        let strength = |rule: &Rule| rule.package_strength(package);
        let best = self.rules.iter().filter(|rule| strength(rule) > 0);
        best.max_by_key(|rule| (strength(rule), std::cmp::Reverse(&rule.name)))
    }
}

impl Rule {
    fn new(name: &str, raw: RawRule) -> Result<Self, String> {
        let default = if raw.sonames.is_empty() {
            ComponentKind::Application
        } else {
            ComponentKind::Library
        };
        let mut marks = Vec::new();
        for mark in raw.marks {
            marks.push(MarkRule::new(mark)?);
        }
        marks.extend(raw.symbols.iter().map(|symbol| MarkRule::of_symbol(symbol)));
        let cpe = raw.cpe.as_deref().map(|cpe| cpe.split_once(':').ok_or("cpe without product"));
        let cpe = cpe.transpose()?.map(|(vendor, product)| (vendor.to_owned(), product.to_owned()));
        Ok(Self {
            name: name.to_owned(),
            kind: raw.kind.unwrap_or(default),
            cpe,
            license: raw.license,
            files: raw.files,
            sonames: raw.sonames,
            packages: raw.packages,
            marks,
            file: raw.file.map(|source| Pattern::new("^(?:", &source, ")$")),
            sole: raw.sole.map(|source| Pattern::new("^(?:", &source, ")$")),
        })
    }

    /// Is this the name of a file of the component, or its library name?
    pub(super) fn names(&self, file_name: &[u8], soname: Option<&str>) -> bool {
        let Ok(file_name) = std::str::from_utf8(file_name) else { return false };
        self.files.iter().any(|pattern| matches_glob(pattern, file_name))
            || self.sonames.iter().any(|stem| {
                is_library(stem, file_name) || soname.is_some_and(|soname| is_library(stem, soname))
            })
    }

    /// Does a file that needs this library use the component?
    pub(super) fn is_needed_as(&self, needed: &str) -> bool {
        self.sonames.iter().any(|stem| is_library(stem, needed))
    }

    /// The version that a file name tells.
    pub(super) fn version_of_name(&self, file_name: &[u8]) -> Option<String> {
        let groups = self.file.as_ref()?.captures(file_name)?;
        let parts = groups.iter().skip(1).flatten();
        let parts: Option<Vec<_>> =
            parts.map(|part| std::str::from_utf8(part.as_bytes()).ok()).collect();
        parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("."))
    }

    fn package_strength(&self, package: &str) -> usize {
        let bare = package.strip_prefix("lib").unwrap_or(package);
        let bare = bare.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        if package == self.name {
            return 1000;
        }
        let pattern = self.packages.iter().filter(|pattern| matches_glob(pattern, package));
        let pattern = pattern.map(|pattern| 2 + pattern.len()).max().unwrap_or(0);
        let own = self.name.strip_prefix("lib").unwrap_or(&self.name);
        pattern.max(usize::from(bare == own))
    }
}

impl MarkRule {
    fn new(raw: RawMark) -> Result<Self, String> {
        let place = match (raw.then, raw.before, raw.near) {
            (None, None, None) => VersionPlace::None,
            (Some(then), None, None) => VersionPlace::Then(Pattern::new("^(?:", &then, ")")),
            (None, Some(before), None) => VersionPlace::Before(Pattern::new("(?:", &before, ")$")),
            (None, None, Some(near)) => VersionPlace::Near(Pattern::new("^(?:", &near, ")$")),
            _ => return Err(format!("{}: more than one place", raw.at)),
        };
        let at = raw.at.into_bytes();
        if at.len() < super::scan::MIN_ANCHOR {
            // Short texts are searched in files of the right name only, which costs nothing.
            if !raw.own {
                return Err("a text that short must be `own`".to_owned());
            }
        }
        if !raw.own && !at.iter().take(super::scan::MIN_ANCHOR).copied().all(is_printable) {
            return Err("a text must begin with printable bytes".to_owned());
        }
        Ok(Self { at, place, prefix: raw.prefix, own: raw.own, symbol: false })
    }

    fn of_symbol(symbol: &str) -> Self {
        let at = format!("{symbol}\0").into_bytes();
        Self { at, place: VersionPlace::None, prefix: String::new(), own: false, symbol: true }
    }
}

impl Pattern {
    /// Expands `<v>` and `<va>`.
    fn new(open: &str, source: &str, close: &str) -> Self {
        const NUMBER: &str = "[0-9]{1,8}(?:\\.[0-9]{1,8}){1,3}";
        const SUFFIX: &str =
            "(?:[a-z]{1,2}[0-9]{0,2}|-?(?:rc|pre|beta|alpha|p|P|git|stable|devel)[.0-9]*)?";
        let source = source.replace("<va>", &format!("({NUMBER}{SUFFIX})"));
        let source = source.replace("<v>", &format!("({NUMBER})"));
        Self { source: format!("(?-u){open}{source}{close}"), compiled: OnceLock::new() }
    }

    /// What it matches; nothing where the expression is malformed.
    pub(super) fn captures<'a>(&self, text: &'a [u8]) -> Option<Captures<'a>> {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok());
        compiled.as_ref()?.captures(text)
    }
}

/// `libz.so` is `libz.so`, `libz.so.1` and nothing else; a stem that ends otherwise is a beginning.
fn is_library(stem: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(stem) else { return false };
    if stem.ends_with(".so") {
        rest.is_empty() || rest.starts_with('.')
    } else {
        rest.contains(".so")
    }
}

/// `*` is any run of characters, `[0-9]` a digit.
fn matches_glob(pattern: &str, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('*') {
        return (0..=name.len())
            .filter_map(|at| name.get(at..))
            .any(|tail| matches_glob(rest, tail));
    }
    if let Some(close) = pattern.strip_prefix('[').and_then(|rest| rest.find(']')) {
        let (set, rest) = (&pattern[1..=close], &pattern[close + 2..]);
        let mut chars = name.chars();
        let range = set.as_bytes();
        return chars.next().is_some_and(|c| {
            range.len() == 3 && (char::from(range[0])..=char::from(range[2])).contains(&c)
        }) && matches_glob(rest, chars.as_str());
    }
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    match (pattern.next(), name.next()) {
        (None, None) => true,
        (Some(p), Some(n)) if p == n => matches_glob(pattern.as_str(), name.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_rule_compiles_and_there_are_more_than_170() {
        let (rules, faults) = Rules::parse(RULES);
        assert_eq!(faults, Vec::<String>::new());
        assert!(rules.rules.len() >= 170, "{} rules", rules.rules.len());
        for rule in &rules.rules {
            let places = rule.marks.iter().filter_map(|mark| match &mark.place {
                VersionPlace::None => None,
                VersionPlace::Then(it) | VersionPlace::Before(it) | VersionPlace::Near(it) => {
                    Some(it)
                }
            });
            for pattern in places.chain(&rule.file).chain(&rule.sole) {
                assert!(Regex::new(&pattern.source).is_ok(), "{}: {}", rule.name, pattern.source);
            }
        }
    }

    #[test]
    fn library_names_match_up_to_their_version_and_no_further() {
        let rule = SHIPPED.named("zlib").unwrap();
        assert!(rule.names(b"libz.so.1.2.11", None));
        assert!(rule.names(b"renamed", Some("libz.so.1")));
        assert!(!rule.names(b"libzip.so.4", None));
        assert!(!rule.names(b"libz.sou", None));
    }

    #[test]
    fn packages_find_their_upstream_project() {
        let of = |package| SHIPPED.for_package(package).map(|rule| rule.name.as_str());
        assert_eq!(of("libopenssl1.1"), Some("openssl"));
        assert_eq!(of("libcurl4"), Some("curl"));
        assert_eq!(of("wpad-mini"), Some("hostapd"));
        assert_eq!(of("libexpat1"), Some("expat"));
        assert_eq!(of("luci-app-firewall"), None);
    }

    #[test]
    fn file_names_that_carry_a_version_tell_it() {
        let tell = |rule, name: &str| SHIPPED.named(rule)?.version_of_name(name.as_bytes());
        assert_eq!(tell("uclibc", "libm-0.9.33.2.so").as_deref(), Some("0.9.33.2"));
        assert_eq!(tell("glib", "libgio-2.0.so.0.7400.6").as_deref(), Some("2.74.6"));
        assert_eq!(tell("uclibc", "libm.so.0"), None);
    }

    #[test]
    fn a_rule_with_an_unknown_field_or_a_short_text_is_refused() {
        assert!(!Rules::parse("[a]\nmarks = [{ at = 'abc' }]\n").1.is_empty());
        assert!(!Rules::parse("[a]\nfiles = ['a']\nbogus = 1\n").1.is_empty());
    }
}
