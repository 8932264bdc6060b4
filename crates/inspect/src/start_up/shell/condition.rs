// SPDX-License-Identifier: Apache-2.0
//! `test`, `[` and `[[` over partly known words and the files of the image.

use kakoi_model::{FileKind, ImagePath};

use super::state::Text;
use crate::Root;

/// Directories whose content at run time is not the one of the image.
const VOLATILE: &[&str] =
    &["tmp", "var", "proc", "sys", "dev", "run", "mnt", "media", "overlay", "data", "config"];
/// Directories to which a running device hardly adds files.
const PROGRAMS: &[&str] = &["bin", "sbin", "lib", "usr/bin", "usr/sbin", "usr/lib", "usr/libexec"];

/// The truth of a test without its brackets; none when it is not known.
pub(super) fn evaluate(
    words: &[Text],
    root: &Root<'_>,
    directory: Option<&ImagePath>,
) -> Option<bool> {
    let tree = Tree { root, directory };
    let mut result = Some(false);
    for (at, part) in split(words, &["-o", "||"]).into_iter().enumerate() {
        let mut all = Some(true);
        for part in split(part, &["-a", "&&"]) {
            all = and(all, tree.primary(part));
        }
        result = if at == 0 { all } else { or(result, all) };
    }
    result
}

/// Is the file there once the device runs? None when the image does not tell.
pub(in crate::start_up) fn exists(root: &Root<'_>, path: &ImagePath) -> Option<bool> {
    let known_special =
        ["proc/mounts", "proc/cmdline", "proc/cpuinfo", "proc/version", "dev/null", "dev/console"];
    if known_special.iter().any(|name| path.as_bytes() == name.as_bytes()) {
        return Some(true);
    }
    let volatile = |path: &ImagePath| VOLATILE.iter().any(|name| path.is_within(&(*name).into()));
    if volatile(path) {
        return None;
    }
    match root.file(path) {
        Some(file) if volatile(&file.path) => None,
        Some(_) => Some(true),
        None if root.entry(path).is_some() => None,
        None if path.is_root() || root.is_filled(path) => Some(true),
        None => {
            let parent = path.parent().unwrap_or_default();
            let fixed = PROGRAMS.iter().any(|name| parent.is_within(&(*name).into()));
            (fixed && root.is_filled(&parent)).then_some(false)
        }
    }
}

struct Tree<'t, 'a> {
    root: &'t Root<'a>,
    directory: Option<&'t ImagePath>,
}

impl Tree<'_, '_> {
    fn primary(&self, words: &[Text]) -> Option<bool> {
        match words {
            [] => Some(false),
            [not, rest @ ..] if not.value() == Some("!") && !rest.is_empty() => {
                self.primary(rest).map(|truth| !truth)
            }
            [one] => one.value().map(|text| !text.is_empty()).or_else(|| surely_not_empty(one)),
            [operator, operand] => self.unary(operator.value()?, operand),
            [left, operator, right] => binary(left, operator.value()?, right),
            _ => None,
        }
    }

    fn unary(&self, operator: &str, operand: &Text) -> Option<bool> {
        match operator {
            "-n" => {
                operand.value().map(|text| !text.is_empty()).or_else(|| surely_not_empty(operand))
            }
            "-z" => operand
                .value()
                .map(str::is_empty)
                .or_else(|| surely_not_empty(operand).map(|truth| !truth)),
            "-t" => None,
            _ => self.file(operator, operand.value()?),
        }
    }

    fn file(&self, operator: &str, name: &str) -> Option<bool> {
        if name.is_empty() {
            return Some(false);
        }
        let path = match (name.strip_prefix('/'), self.directory) {
            (Some(_), _) => ImagePath::from(name),
            (None, Some(directory)) => directory.join(name),
            (None, None) => return None,
        };
        if !exists(self.root, &path)? {
            return Some(false);
        }
        let file = self.root.file(&path);
        let kind = file.map(|file| &file.kind);
        Some(match operator {
            "-f" => matches!(kind, Some(FileKind::Regular { .. })),
            "-d" => matches!(kind, Some(FileKind::Directory) | None),
            "-x" => file.and_then(|file| file.mode).is_none_or(|mode| mode & 0o111 != 0),
            "-s" => file.is_some_and(|file| file.size() > 0),
            "-e" | "-r" | "-a" => true,
            "-L" | "-h" => self
                .root
                .entry(&path)
                .is_some_and(|entry| matches!(entry.kind, FileKind::Symlink { .. })),
            "-c" => matches!(kind, Some(FileKind::CharDevice { .. })),
            "-b" => matches!(kind, Some(FileKind::BlockDevice { .. })),
            "-p" => matches!(kind, Some(FileKind::Fifo)),
            "-S" => matches!(kind, Some(FileKind::Socket)),
            _ => return None,
        })
    }
}

fn binary(left: &Text, operator: &str, right: &Text) -> Option<bool> {
    let (left, right) = (left.value()?, right.value()?);
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    Some(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "-eq" => numbers().map(|(a, b)| a == b)?,
        "-ne" => numbers().map(|(a, b)| a != b)?,
        "-lt" => numbers().map(|(a, b)| a < b)?,
        "-le" => numbers().map(|(a, b)| a <= b)?,
        "-gt" => numbers().map(|(a, b)| a > b)?,
        "-ge" => numbers().map(|(a, b)| a >= b)?,
        _ => return None,
    })
}

/// Text around an unknown part that is there whatever the part is.
fn surely_not_empty(text: &Text) -> Option<bool> {
    (!text.known && !text.text.is_empty() && !text.text.starts_with('$')).then_some(true)
}

fn split<'w>(words: &'w [Text], operators: &[&str]) -> Vec<&'w [Text]> {
    // `-a` after nothing is a file test, not the operator.
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, word) in words.iter().enumerate() {
        let joins = word.value().is_some_and(|text| operators.contains(&text));
        if joins && at > start && at + 1 < words.len() {
            parts.push(&words[start..at]);
            start = at + 1;
        }
    }
    parts.push(&words[start..]);
    parts
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn files_of_the_image_decide_tests_and_volatile_ones_do_not() {
        let tree = Sketch::new()
            .file("/usr/sbin/httpd", 0o755, "x")
            .file("/etc/passwd", 0o644, "")
            .link("/etc/resolv.conf", "/tmp/resolv.conf");
        let root = tree.root();
        for (test, truth) in [
            ("-x /usr/sbin/httpd", Some(true)),
            ("-x /usr/sbin/telnetd", Some(false)),
            ("-f /etc/absent", None),
            ("-s /etc/passwd", Some(false)),
            ("-f /tmp/x", None),
            ("-e /etc/resolv.conf", None),
            ("! -d /etc", Some(false)),
            ("-f /etc/passwd -a -x /usr/sbin/telnetd", Some(false)),
            ("-f /tmp/x -o -f /etc/passwd", Some(true)),
            ("3 -lt 10", Some(true)),
            ("a = b", Some(false)),
        ] {
            let words: Vec<Text> = test.split(' ').map(Text::known).collect();
            assert_eq!(evaluate(&words, &root, None), truth, "{test}");
        }
        let unknown = [Text::unknown("$x"), Text::known("="), Text::known("1")];
        assert_eq!(evaluate(&unknown, &root, None), None);
        let prefixed = [Text::unknown("x$y")];
        assert_eq!(evaluate(&prefixed, &root, None), Some(true));
    }
}
