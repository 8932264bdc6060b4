// SPDX-License-Identifier: Apache-2.0
//! Patterns of paths and of applet names, and what they match: the specification. (The compiled
//! policy matches by one automaton, see `compile::automaton`.)

use std::fmt;

/// A pattern as a policy writes it.
///
/// - `/usr/sbin/httpd`: that path, symbolic links resolved;
/// - `*` matches within one part of a path, `?` one character of it, `**` as a whole part any number
///   of parts: `/etc/**` is `/etc` and everything beneath it;
/// - `telnetd`, without a slash: a program of that name in any directory;
/// - `busybox:wget`: an applet of a multi-call program, by the name it was called with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Parts of an absolute path, split at slashes; `**` stands alone.
    Path(String),
    /// Name of an applet, with `*` and `?`.
    Applet(String),
}

/// Longest pattern, in bytes.
pub(crate) const LONGEST: usize = 512;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as half a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("a pattern has 1 to {LONGEST} bytes"));
        }
        if let Some(strange) = text.chars().find(|c| "[]{}\\\"'".contains(*c) || c.is_control()) {
            return Err(format!(
                "`{}` has no meaning in a pattern; `*`, `?` and `**` have",
                strange.escape_default()
            ));
        }
        match text.split_once(':') {
            Some(("busybox" | "toybox" | "applet", name)) => Self::applet(name),
            _ if text.starts_with('/') => Self::path(text),
            _ if text.contains('/') => Err("a path begins with a slash".to_owned()),
            _ if text.contains(':') => {
                Err("only `busybox:`, `toybox:` and `applet:` stand before an applet".to_owned())
            }
            _ if text == "**" => Self::path("/**"),
            _ => Self::path(&format!("/**/{text}")),
        }
    }

    fn applet(name: &str) -> Result<Self, String> {
        if name.is_empty() || name.len() > 60 || name.contains('/') || name.contains("**") {
            return Err("an applet is named by 1 to 60 bytes without slashes".to_owned());
        }
        Ok(Self::Applet(name.to_owned()))
    }

    fn path(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').skip(1).collect();
        if parts.iter().any(|part| part.contains("**") && *part != "**") {
            return Err("`**` stands alone between slashes".to_owned());
        }
        if parts.windows(2).any(|pair| pair == ["**", "**"]) {
            return Err("`**` twice in a row says no more than once".to_owned());
        }
        if parts.iter().any(|part| matches!(*part, "." | ".."))
            || (text.len() > 1 && parts.contains(&""))
        {
            return Err("a path has no empty part, no `.` and no `..`".to_owned());
        }
        Ok(Self::Path(text.to_owned()))
    }

    /// Does it match this absolute path?
    #[must_use]
    pub fn matches_path(&self, path: &str) -> bool {
        let Self::Path(pattern) = self else { return false };
        if !path.starts_with('/') {
            return false;
        }
        let patterns: Vec<&str> = pattern.split('/').skip(1).collect();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        parts_match(&patterns, &parts)
    }

    /// Does it match this applet?
    #[must_use]
    pub fn matches_applet(&self, name: &[u8]) -> bool {
        matches!(self, Self::Applet(pattern) if part_matches(pattern.as_bytes(), name))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Applet(name) => write!(f, "busybox:{name}"),
        }
    }
}

/// Goes back to the latest `**` when a part does not match; earlier ones need not be tried again.
fn parts_match(patterns: &[&str], parts: &[&str]) -> bool {
    let (mut at, mut part, mut back) = (0, 0, None);
    while part < parts.len() {
        match patterns.get(at) {
            Some(&"**") => {
                back = Some((at, part));
                at += 1;
            }
            Some(pattern) if part_matches(pattern.as_bytes(), parts[part].as_bytes()) => {
                at += 1;
                part += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    at = star + 1;
                    part = from + 1;
                }
                None => return false,
            },
        }
    }
    patterns.get(at..).unwrap_or_default().iter().all(|pattern| *pattern == "**")
}

fn part_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here, mut back) = (0, 0, None);
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                back = Some((at, here));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[here] => {
                at += 1;
                here += 1;
            }
            _ => match back {
                Some((star, from)) => {
                    back = Some((star, from + 1));
                    at = star + 1;
                    here = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches_path(path)
    }

    #[test]
    fn stars_stay_within_a_part_and_double_stars_do_not() {
        assert!(matches("/usr/*/httpd", "/usr/sbin/httpd"));
        assert!(!matches("/usr/*/httpd", "/usr/a/b/httpd"));
        assert!(matches("/usr/**/httpd", "/usr/httpd"));
        assert!(matches("/usr/**/httpd", "/usr/a/b/httpd"));
        assert!(matches("/etc/**", "/etc"));
        assert!(matches("/etc/**", "/etc/a/b"));
        assert!(!matches("/etc/**", "/etcetera"));
        assert!(matches("sh", "/bin/sh"));
        assert!(!matches("sh", "/bin/ash"));
        assert!(matches("/a/**/b/*c", "/a/b/x/b/xc"));
    }

    #[test]
    fn patterns_that_would_surprise_are_refused() {
        for text in ["", "a/b", "/a/../b", "/a/b**", "/a//b", "/[ab]", "x:y", "busybox:", "/**/**"]
        {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
