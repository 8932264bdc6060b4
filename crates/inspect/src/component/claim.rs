// SPDX-License-Identifier: Apache-2.0
//! What a file with its name says that it is.

use std::collections::HashMap;

use bytes::Bytes;
use kakoi_model::{ComponentSource, Digest, ElfFacts, Evidence, File, FileRef};

use super::marks::{find_own, find_sole};
use super::rules::{Rule, SHIPPED};
use super::{Mark, rules};
use crate::Contents;

/// One file is, or holds, one component.
pub(super) struct Claim {
    pub(super) rule: &'static Rule,
    pub(super) version: Option<String>,
    /// Versions that contradict each other, where `version` is none because of them.
    pub(super) several: Vec<String>,
    pub(super) source: ComponentSource,
    pub(super) evidence: Evidence,
    pub(super) file: FileRef,
    pub(super) digest: Digest,
}

/// Claims of all regular files, in their order.
pub(super) fn find(
    files: &[File],
    elves: &HashMap<Digest, ElfFacts>,
    marks: &HashMap<Digest, Vec<Mark>>,
    contents: &dyn Contents,
) -> Vec<Claim> {
    let mut claims = Vec::new();
    let none = Vec::new();
    for file in files {
        let Some(digest) = file.digest() else { continue };
        let (elf, marks) = (elves.get(&digest), marks.get(&digest).unwrap_or(&none));
        if elf.is_some() || !marks.is_empty() {
            claims.extend(FileView { file, digest, elf, marks, contents }.claims());
        }
    }
    claims
}

struct FileView<'a> {
    file: &'a File,
    digest: Digest,
    elf: Option<&'a ElfFacts>,
    marks: &'a [Mark],
    contents: &'a dyn Contents,
}

impl FileView<'_> {
    fn claims(&self) -> Vec<Claim> {
        let mut content = None;
        let rules = SHIPPED.rules.iter();
        rules.filter_map(|rule| self.claim(rule, &mut content)).collect()
    }

    fn claim(&self, rule: &'static Rule, content: &mut Option<Bytes>) -> Option<Claim> {
        let named = self.is_named(rule);
        let mut marks: Vec<Mark> =
            self.marks.iter().filter(|mark| self.counts(rule, mark, named)).cloned().collect();
        if !named && marks.is_empty() {
            return None;
        }
        if !marks.iter().any(|mark| mark.version.is_some()) && (named || rule.sole.is_some()) {
            let bytes = match content {
                Some(bytes) => bytes.clone(),
                None => {
                    content.insert(self.contents.read(&self.digest).unwrap_or_default()).clone()
                }
            };
            if named {
                marks.extend(find_own(rule, &bytes));
            }
            if !marks.iter().any(|mark| mark.version.is_some()) && self.name_version(rule).is_none()
            {
                marks.extend(find_sole(rule, &bytes));
            }
        }
        Some(self.judge(rule, &marks))
    }

    /// Only ELF files have names that tell what they are; kernel modules do not.
    fn is_named(&self, rule: &Rule) -> bool {
        self.elf.is_some_and(|elf| {
            elf.module.is_none() && rule.names(self.file.path.file_name(), elf.soname.as_deref())
        })
    }

    /// A file that needs the library, or imports the function, is a user of the component, unless
    /// it is one of its own programs.
    fn counts(&self, rule: &Rule, mark: &Mark, named: bool) -> bool {
        if mark.rule != rule.name {
            return false;
        }
        let Some(elf) = self.elf else { return true };
        let symbol = rule.marks.get(mark.pattern).filter(|rule| rule.symbol);
        let imported = symbol.is_some_and(|symbol: &rules::MarkRule| {
            let name = symbol.at.strip_suffix(b"\0").unwrap_or(&symbol.at);
            elf.imports.iter().any(|import| import.as_bytes() == name)
        });
        !imported && (named || !elf.needed.iter().any(|needed| rule.is_needed_as(needed)))
    }

    fn name_version(&self, rule: &Rule) -> Option<String> {
        rule.version_of_name(self.file.path.file_name())
    }

    fn judge(&self, rule: &'static Rule, marks: &[Mark]) -> Claim {
        let first =
            marks.iter().filter(|mark| mark.version.is_some()).map(|mark| mark.pattern).min();
        let strongest: Vec<_> = marks.iter().filter(|mark| Some(mark.pattern) == first).collect();
        let mut versions: Vec<_> =
            strongest.iter().filter_map(|mark| mark.version.clone()).collect();
        versions.sort();
        versions.dedup();
        let name = String::from_utf8_lossy(self.file.path.file_name()).into_owned();
        let (version, source, evidence) = match (versions.as_slice(), strongest.first()) {
            ([version], Some(mark)) => {
                (Some(version.clone()), ComponentSource::VersionString, seen(mark))
            }
            ([_, ..], Some(mark)) => (None, ComponentSource::VersionString, seen(mark)),
            _ => {
                let version = self.name_version(rule);
                let mark = marks.first();
                let symbol = mark.is_some_and(|mark| {
                    rule.marks.get(mark.pattern).is_some_and(|rule| rule.symbol)
                });
                let source = match mark {
                    Some(_) if symbol => ComponentSource::Symbols,
                    Some(_) if version.is_none() => ComponentSource::VersionString,
                    _ => ComponentSource::FileName,
                };
                (
                    version,
                    source,
                    mark.map_or_else(|| Evidence::new(format!("file name {name}")), seen),
                )
            }
        };
        let file = self.file.place();
        let several = if version.is_none() { versions } else { Vec::new() };
        let evidence = evidence.in_file(file.clone());
        Claim { rule, version, several, source, evidence, file, digest: self.digest }
    }
}

fn seen(mark: &Mark) -> Evidence {
    let what = if mark.version.is_some() { "version string" } else { "text of the component" };
    let mut evidence = Evidence::at(what, mark.offset);
    evidence.excerpt = Some(mark.excerpt.clone());
    evidence
}
