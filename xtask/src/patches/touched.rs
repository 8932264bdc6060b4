// SPDX-License-Identifier: Apache-2.0
//! Functions of C that patches touch, as the patches themselves tell: by the line behind `@@` and by definitions within a hunk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Functions touched by patches that only the new version of a source package has; none when a package is not there.
pub fn find(sources: &Path, package: &str, old: &str, new: &str) -> Option<BTreeSet<String>> {
    let (before, after) = (patches(sources, package, old)?, patches(sources, package, new)?);
    let fresh = after.iter().filter(|(name, text)| before.get(*name) != Some(text));
    Some(fresh.flat_map(|(_, text)| touched(text)).collect())
}

/// Patches by name, from `SOURCE_VERSION.debian.tar.xz`; `package.map` tells the source of a binary: lines of binary package,
/// name of the .deb, name of the archive.
fn patches(sources: &Path, package: &str, deb: &str) -> Option<BTreeMap<String, String>> {
    let map = std::fs::read_to_string(sources.join("package.map")).ok()?;
    let archive = map.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let found = fields.next() == Some(package) && fields.next() == Some(deb);
        fields.next().filter(|_| found)
    })?;
    let folder = tempfile::tempdir().ok()?;
    let tar =
        ["-C", folder.path().to_str()?, "-xf", sources.join(archive).to_str()?].map(str::to_owned);
    Command::new("tar").args(tar).status().ok().filter(|status| status.success())?;
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder.path().join("debian/patches")).ok()?.flatten() {
        if let Ok(bytes) = std::fs::read(entry.path()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Some(found)
}

fn touched(patch: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (mut in_source, mut current) = (false, None);
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("+++ ") {
            let path = path.split_whitespace().next().unwrap_or_default();
            let is_test = path.contains("/test") || path.contains("/tests/");
            in_source = !is_test && [".c", ".h", ".cc", ".y"].iter().any(|end| path.ends_with(end));
        } else if let Some(rest) = line.strip_prefix("@@ ") {
            current =
                rest.split_once("@@").and_then(|(_, context)| definition(context.trim_start()));
        } else if in_source && !line.starts_with("---") {
            let Some((sign, text)) = line.split_at_checked(1) else { continue };
            if let Some(name) = definition(text) {
                current = Some(name);
            }
            let changes = matches!(sign, "+" | "-") && is_code(text);
            if let Some(name) = current.as_ref().filter(|_| changes) {
                found.insert(name.clone());
            }
            // The end of a function in the first column.
            if text.starts_with('}') {
                current = None;
            }
        }
    }
    found
}

/// The name that a line in the first column defines a function by.
fn definition(line: &str) -> Option<String> {
    let first = line.chars().next()?;
    let head = line.split_once('(')?.0;
    let name = head.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next_back()?;
    let starts = (first.is_ascii_alphabetic() || first == '_') && !line.trim_end().ends_with(';');
    let word = ["if", "while", "for", "switch", "return", "else", "sizeof"].contains(&name);
    (starts && !name.is_empty() && !word && !line.starts_with("typedef")).then(|| name.to_owned())
}

fn is_code(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.starts_with("/*") && !text.starts_with('*') && !text.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::touched;

    #[test]
    fn functions_are_told_by_hunk_headers_and_definitions() {
        let patch = "--- a/lib/x.c\n+++ b/lib/x.c\n@@ -1,4 +1,5 @@ int parse(char *p)\n   a = 1;\n+  if (!p) return;\n }\n \n+int fresh(void)\n+{\n+  return 1;\n+}\n@@ -9,3 +9,3 @@ static void\n last(int a)\n {\n-  b();\n+  c();\n--- a/doc.txt\n+++ b/doc.txt\n@@ -1 +1 @@ not(code)\n+x\n";
        let found: Vec<String> = touched(patch).into_iter().collect();
        assert_eq!(found, ["fresh", "last", "parse"]);
    }
}
