// SPDX-License-Identifier: Apache-2.0
//! Functions of C that a security update touches, as the patches of its source package tell: by the line behind `@@` and by
//! definitions within a hunk. Only hunks count that one of the two versions lacks: what was merely refreshed is no change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Functions touched by hunks that only one of two versions of a source package has; none when a package is not there.
pub fn find(sources: &Path, package: &str, old: &str, new: &str) -> Option<BTreeSet<String>> {
    let (before, after) = (patches(sources, package, old)?, patches(sources, package, new)?);
    Some(between(&before, &after))
}

fn between(before: &[String], after: &[String]) -> BTreeSet<String> {
    let hunks =
        |patches: &[String]| -> Vec<Hunk> { patches.iter().flat_map(|p| read(p)).collect() };
    let (before, after) = (hunks(before), hunks(after));
    let bodies = |hunks: &[Hunk]| -> BTreeSet<(String, Vec<String>)> {
        hunks.iter().map(|hunk| (hunk.file.clone(), hunk.changed.clone())).collect()
    };
    let (known, kept) = (bodies(&before), bodies(&after));
    let lacks = |set: &BTreeSet<(String, Vec<String>)>, hunk: &Hunk| {
        !set.contains(&(hunk.file.clone(), hunk.changed.clone()))
    };
    let fresh = after.iter().filter(|hunk| lacks(&known, hunk));
    let gone = before.iter().filter(|hunk| lacks(&kept, hunk));
    fresh.chain(gone).flat_map(|hunk| hunk.functions.iter().cloned()).collect()
}

/// The patches that are applied, in order, from `SOURCE_VERSION.debian.tar.xz`; `package.map` tells the source of a binary: lines of
/// binary package, name of the .deb, name of the archive.
fn patches(sources: &Path, package: &str, deb: &str) -> Option<Vec<String>> {
    let map = std::fs::read_to_string(sources.join("package.map")).ok()?;
    let archive = map.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let found = fields.next() == Some(package) && fields.next() == Some(deb);
        fields.next().filter(|_| found)
    })?;
    let archive: PathBuf = sources.join(archive);
    if !archive.exists() {
        return None;
    }
    let folder = tempfile::tempdir().ok()?;
    let status = Command::new("tar").arg("-C").arg(folder.path()).arg("-xf").arg(archive).status();
    status.ok().filter(|status| status.success())?;
    let folder = folder.path().join("debian/patches");
    let series = std::fs::read_to_string(folder.join("series")).unwrap_or_default();
    let names = series.lines().filter_map(|line| line.split_whitespace().next());
    let applied = names.filter(|name| !name.starts_with('#'));
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    Some(applied.filter_map(read).map(|it| String::from_utf8_lossy(&it).into_owned()).collect())
}

/// A part of a patch.
struct Hunk {
    /// Without its first folder.
    file: String,
    /// Lines of code that come or go, with their signs, without white space around them.
    changed: Vec<String>,
    functions: BTreeSet<String>,
}

fn read(patch: &str) -> Vec<Hunk> {
    let mut found = Vec::new();
    let (mut file, mut is_source, mut current) = (String::new(), false, None);
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("+++ ") {
            let path = path.split_whitespace().next().unwrap_or_default();
            file = path.split_once('/').map_or(path, |(_, rest)| rest).to_owned();
            is_source = is_program(&file);
        } else if let Some(rest) = line.strip_prefix("@@ ") {
            let context = rest.split_once("@@").map_or("", |(_, context)| context.trim_start());
            current = definition(context);
            found.push(Hunk {
                file: file.clone(),
                changed: Vec::new(),
                functions: BTreeSet::new(),
            });
        } else if let Some(hunk) =
            found.last_mut().filter(|_| is_source && !line.starts_with("---"))
        {
            read_line(line, hunk, &mut current);
        }
    }
    found.retain(|hunk| !hunk.changed.is_empty());
    found
}

/// Tests and what is built for other systems are in no package.
fn is_program(file: &str) -> bool {
    let is_test = ["test/", "tests/", "fuzz/", "examples/", "windows/", "win32/"]
        .iter()
        .any(|folder| file.starts_with(folder) || file.contains(&format!("/{folder}")));
    !is_test && [".c", ".h", ".cc", ".y"].iter().any(|end| file.ends_with(end))
}

fn read_line(line: &str, hunk: &mut Hunk, current: &mut Option<String>) {
    let Some((sign, text)) = line.split_at_checked(1) else { return };
    if let Some(name) = definition(text) {
        *current = Some(name);
    }
    if matches!(sign, "+" | "-") && is_code(text) {
        hunk.changed.push(format!("{sign}{}", text.trim()));
        hunk.functions.extend(current.clone());
    }
    // The end of a function in the first column.
    if text.starts_with('}') {
        *current = None;
    }
}

/// The name that a line in the first column defines a function by.
fn definition(line: &str) -> Option<String> {
    let first = line.chars().next()?;
    let head = line.split_once('(')?.0.trim_end();
    let name = head.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next_back()?;
    let starts = (first.is_ascii_alphabetic() || first == '_') && !line.trim_end().ends_with(';');
    let word =
        ["if", "while", "for", "switch", "return", "else", "sizeof", "defined"].contains(&name);
    (starts && !name.is_empty() && !word && !line.starts_with("typedef")).then(|| name.to_owned())
}

/// Is the line more than a comment, an end of a block or a directive?
fn is_code(text: &str) -> bool {
    let text = text.trim();
    let comment = ["/*", "*", "//", "#"].iter().any(|start| text.starts_with(start));
    text.bytes().any(|byte| byte.is_ascii_alphanumeric()) && !comment
}

#[cfg(test)]
mod tests {
    use super::between;

    const PATCH: &str = "--- a/lib/x.c\n+++ b/lib/x.c\n@@ -1,4 +1,5 @@ int parse(char *p)\n   a = 1;\n+  if (!p) return;\n }\n \n+int fresh(void)\n+{\n+  return 1;\n+}\n@@ -9,3 +9,3 @@ static void\n last(int a)\n {\n-  b();\n+  c();\n--- a/doc.txt\n+++ b/doc.txt\n@@ -1 +1 @@ not(code)\n+x\n";

    #[test]
    fn functions_are_told_by_hunk_headers_and_definitions() {
        let found: Vec<String> = between(&[], &[PATCH.to_owned()]).into_iter().collect();
        assert_eq!(found, ["fresh", "last", "parse"]);
    }

    #[test]
    fn a_refreshed_patch_is_no_change_and_one_that_was_dropped_is() {
        let refreshed = PATCH.replace("@@ -9,3 +9,3 @@", "@@ -12,3 +15,3 @@");
        assert!(between(&[PATCH.to_owned()], &[refreshed]).is_empty());
        assert_eq!(between(&[PATCH.to_owned()], &[]).len(), 3);
    }
}
