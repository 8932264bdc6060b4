// SPDX-License-Identifier: Apache-2.0
//! Marks of chip vendors and their SDKs, by the rules of `rules/sdk-marks.toml`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use kakoi_model::{Digest, ElfFacts, Evidence, File, KernelFacts, OfContent, SdkMark, escape};
use regex::bytes::Regex;
use serde::Deserialize;

use super::compile;
use super::needles::find_needles;
use crate::Root;
use crate::text::printable_stretches;

const RULES: &str = include_str!("../../../../rules/sdk-marks.toml");
/// Pieces of evidence per mark.
const MAX_EVIDENCE: usize = 5;
/// Longest text file that is searched, in bytes.
const MAX_TEXT: u64 = 64 * 1024;
/// Bytes of a boot loader, and of one of its texts, that are searched.
const MAX_BOOT_LOADER: usize = 4 << 20;
const MAX_LINE: usize = 400;
/// Where the kernel's own tree keeps drivers of network transceivers: distributions ship all of
/// them, whatever the chip.
const PHYS: &str = "/kernel/drivers/net/phy/";
/// Shortest text of a boot loader that is looked at.
const LEAST_TEXT: usize = 6;

#[derive(Deserialize)]
struct Rules {
    mark: Vec<Mark>,
}

/// One rule as it is written.
#[derive(Deserialize)]
struct Mark {
    vendor: String,
    /// Chip family or kit; `$1` is the first group of the pattern.
    family: Option<String>,
    weight: u8,
    on: Subject,
    /// For texts: the pattern of the path.
    file: Option<String>,
    pattern: String,
}

/// What a pattern is held against.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Subject {
    /// Banner of a kernel.
    Kernel,
    /// Path of a file, with its slash.
    Path,
    /// Name of a kernel module without `.ko`.
    Module,
    /// `vermagic` and description of a kernel module.
    ModuleInfo,
    /// Compiler strings.
    Compiler,
    /// Lines of a text file whose path matches `file`.
    Text,
    /// Texts of a boot loader.
    BootLoader,
}

struct Rule {
    mark: Mark,
    pattern: Pattern,
    file: Option<Pattern>,
}

/// An expression that is compiled when a text holds one of the literals that its matches need.
struct Pattern {
    source: String,
    needles: Option<Vec<String>>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(source: &str) -> Self {
        Self { source: source.to_owned(), needles: find_needles(source), compiled: OnceLock::new() }
    }

    /// The expression, if it could match the text, which is given in lower case too.
    fn for_text(&self, lower: &str) -> Option<&Regex> {
        let needles = self.needles.as_deref();
        if needles.is_some_and(|all| !all.iter().any(|needle| lower.contains(needle))) {
            return None;
        }
        self.compiled.get_or_init(|| compile(&self.source)).as_ref()
    }
}

static RULES_BY_SUBJECT: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rules = toml::from_str::<Rules>(RULES).map(|rules| rules.mark).unwrap_or_default();
    let rule = |mark: Mark| Rule {
        pattern: Pattern::new(&mark.pattern),
        file: mark.file.as_deref().map(Pattern::new),
        mark,
    };
    rules.into_iter().map(rule).collect()
});

/// Marks by vendor and family.
#[derive(Default)]
struct Found {
    marks: BTreeMap<(String, Option<String>), SdkMark>,
}

impl Found {
    /// Holds all rules on a subject against a text.
    fn search(&mut self, subject: Subject, text: &str, evidence: impl Fn(&str) -> Evidence) {
        let lower = text.to_ascii_lowercase();
        for rule in RULES_BY_SUBJECT.iter().filter(|rule| rule.mark.on == subject) {
            self.apply(rule, text, &lower, &evidence);
        }
    }

    fn apply(
        &mut self,
        rule: &Rule,
        text: &str,
        lower: &str,
        evidence: &impl Fn(&str) -> Evidence,
    ) {
        let Some(pattern) = rule.pattern.for_text(lower) else { return };
        let Some(found) = pattern.captures(text.as_bytes()) else { return };
        let group = found.get(1).map(|group| String::from_utf8_lossy(group.as_bytes()));
        let group = group.unwrap_or_default();
        let family = rule
            .mark
            .family
            .as_ref()
            .map(|family| escape(family.replace("$1", &group).trim().as_bytes()));
        let whole = found.get(0).map(|whole| String::from_utf8_lossy(whole.as_bytes()));
        let whole = whole.unwrap_or_default();
        let family = family.filter(|family| !family.is_empty());
        let key = (rule.mark.vendor.clone(), family.clone());
        let mark = self.marks.entry(key).or_insert_with(|| SdkMark {
            vendor: rule.mark.vendor.clone(),
            family,
            weight: 0,
            evidence: Vec::new(),
        });
        mark.weight = mark.weight.max(rule.mark.weight);
        let evidence = evidence(&whole);
        if mark.evidence.len() < MAX_EVIDENCE && !mark.evidence.contains(&evidence) {
            mark.evidence.push(evidence);
        }
    }
}

/// Marks of chip vendors and their SDKs, ordered by vendor and family.
pub fn find_sdk_marks(
    roots: &[Root<'_>],
    files: &[File],
    elves: &HashMap<Digest, ElfFacts>,
    kernels: &[OfContent<KernelFacts>],
    boot_loaders: &[(Digest, Bytes)],
) -> Vec<SdkMark> {
    let mut found = Found::default();
    for (digest, content) in boot_loaders {
        search_boot_loader(&mut found, *digest, content);
    }
    for kernel in kernels {
        let seen = |text: &str| Evidence {
            digest: Some(kernel.digest),
            ..Evidence::new(format!("kernel banner: {}", escape(text.as_bytes())))
        };
        found.search(Subject::Kernel, &kernel.facts.banner, seen);
    }
    for file in files {
        search_file(&mut found, file, file.digest().and_then(|digest| elves.get(&digest)));
    }
    for root in roots {
        search_texts(&mut found, root);
    }
    found.marks.into_values().collect()
}

fn search_boot_loader(found: &mut Found, digest: Digest, content: &[u8]) {
    let content = content.get(..MAX_BOOT_LOADER).unwrap_or(content);
    for (offset, text) in printable_stretches::<LEAST_TEXT>(content) {
        let Ok(text) = std::str::from_utf8(text.get(..MAX_LINE).unwrap_or(text)) else { continue };
        let seen = |_: &str| Evidence {
            digest: Some(digest),
            ..Evidence::at("text of the boot loader", offset as u64).with_excerpt(text.as_bytes())
        };
        found.search(Subject::BootLoader, text, seen);
    }
}

fn search_file(found: &mut Found, file: &File, elf: Option<&ElfFacts>) {
    let path = file.path.absolute();
    let seen = |what: &str| {
        let what = format!("{what}: {path}");
        move |_: &str| Evidence::new(what.clone()).in_file(file.place())
    };
    found.search(Subject::Path, &path, seen("path"));
    if path.contains(PHYS) {
        return;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if let Some(module) = name.strip_suffix(".ko").or_else(|| name.strip_suffix(".o")) {
        found.search(Subject::Module, module, seen("kernel module"));
    }
    let Some(elf) = elf else { return };
    for compiler in elf.compiler.present().into_iter().flatten() {
        let seen = |text: &str| {
            Evidence::new(format!(".comment: {}", escape(text.as_bytes()))).in_file(file.place())
        };
        found.search(Subject::Compiler, compiler, seen);
    }
    if let Some(module) = &elf.module {
        for text in [&module.vermagic, &module.description].into_iter().flatten() {
            let seen = |text: &str| {
                Evidence::new(format!(".modinfo: {}", escape(text.as_bytes())))
                    .in_file(file.place())
            };
            found.search(Subject::ModuleInfo, text, seen);
        }
    }
}

fn search_texts(found: &mut Found, root: &Root<'_>) {
    let texts = RULES_BY_SUBJECT.iter().filter(|rule| rule.mark.on == Subject::Text);
    let rules: Vec<&Rule> = texts.collect();
    for file in root.files().filter(|file| file.size() > 0 && file.size() <= MAX_TEXT) {
        let path = file.path.absolute();
        let lower = path.to_ascii_lowercase();
        let wanted = |rule: &&&Rule| {
            let file = rule.file.as_ref().and_then(|file| file.for_text(&lower));
            file.is_some_and(|file| file.is_match(path.as_bytes()))
        };
        let rules: Vec<&&Rule> = rules.iter().filter(wanted).collect();
        if rules.is_empty() {
            continue;
        }
        let Some(content) = root.content(file) else { continue };
        let text = String::from_utf8_lossy(&content);
        for (number, line) in (1..).zip(text.lines().take(2000)) {
            let seen = |_: &str| {
                Evidence::new("text")
                    .in_file(root.place(&file.path))
                    .on_line(number)
                    .with_excerpt(line.as_bytes())
            };
            let lower = line.to_ascii_lowercase();
            rules.iter().for_each(|rule| found.apply(rule, line, &lower, &seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn every_rule_compiles_and_is_plausible() {
        let rules = toml::from_str::<Rules>(RULES).expect("rules/sdk-marks.toml is valid");
        let all = &*RULES_BY_SUBJECT;
        assert_eq!(all.len(), rules.mark.len());
        for rule in all {
            let patterns = std::iter::once(&rule.pattern).chain(&rule.file);
            for pattern in patterns {
                assert!(compile(&pattern.source).is_some(), "{}", pattern.source);
                assert!(pattern.needles.is_some(), "{} is compiled for each image", pattern.source);
            }
            assert!((1..=3).contains(&rule.mark.weight));
            assert_eq!(rule.file.is_some(), rule.mark.on == Subject::Text);
        }
    }

    #[test]
    fn marks_name_vendor_and_family_with_evidence() {
        let tree = Sketch::new()
            .file("/lib/modules/2.6.31/net/ath_hal.ko", 0o644, "x")
            .file("/lib/modules/2.6.31/net/ag7240_mod.ko", 0o644, "x")
            .file(
                "/etc/openwrt_release",
                0o644,
                "DISTRIB_ID=\"LEDE\"\nDISTRIB_TARGET=\"ar71xx/generic\"\n",
            );
        let marks = find_sdk_marks(&[tree.root()], &tree.files, &HashMap::new(), &[], &[]);
        let names: Vec<String> = marks
            .iter()
            .map(|mark| format!("{} {}", mark.vendor, mark.family.as_deref().unwrap_or("-")))
            .collect();
        assert!(names.iter().any(|name| name.starts_with("atheros")), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("openwrt")), "{names:?}");
        assert!(marks.iter().all(|mark| !mark.evidence.is_empty()));
    }

    #[test]
    fn a_distributions_network_drivers_name_no_chip() {
        let tree = Sketch::new()
            .file("/lib/modules/6.1.0-50-marvell/kernel/drivers/net/phy/rockchip.ko", 0o644, "x")
            .file("/lib/modules/6.1.0-50-marvell/kernel/drivers/net/phy/realtek.ko", 0o644, "x")
            .file("/lib/modules/6.1.0-50-marvell/kernel/drivers/net/ethernet/x.ko", 0o644, "x");
        let marks = find_sdk_marks(&[tree.root()], &tree.files, &HashMap::new(), &[], &[]);
        assert!(marks.is_empty(), "{marks:?}");
        let tree =
            Sketch::new().file("/lib/modules/4.1.27/kernel/drivers/net/wl/wl.ko", 0o644, "x");
        let marks = find_sdk_marks(&[tree.root()], &tree.files, &HashMap::new(), &[], &[]);
        assert_eq!(marks[0].vendor, "broadcom", "{marks:?}");
    }

    #[test]
    fn a_boot_loader_names_its_board() {
        let content = b"\0\x01U-Boot 2013.07\0Board: ISVP (Ingenic XBurst T20 SoC)\n\0isvp_t20# \0";
        let loaders = [(Digest::of(content), Bytes::from_static(content))];
        let marks = find_sdk_marks(&[], &[], &HashMap::new(), &[], &loaders);
        assert_eq!(marks.len(), 1, "{marks:?}");
        assert_eq!(
            (marks[0].vendor.as_str(), marks[0].family.as_deref()),
            ("ingenic", Some("T20"))
        );
        assert_eq!(marks[0].evidence[0].offset, Some(17));
    }
}
