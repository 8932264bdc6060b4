// SPDX-License-Identifier: Apache-2.0
//! Shell patterns: `*`, `?`, `[…]`, and a backslash before what stands for itself.

/// Does the whole of `text` match? Takes at most `text × pattern` steps.
pub(in crate::start_up) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if let Some(next) = match_one(&pattern, p, text[t]) {
            p = next;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            p = after_star;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&c| c == '*')
}

/// Is there a character in `pattern` that stands for others?
pub(super) fn has_wildcard(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// The text, with a backslash before all that would be special in a pattern.
pub(super) fn quote_pattern(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if "*?[]\\".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// Cuts a match of `pattern` off one end of `text`.
pub(super) fn cut(text: &str, pattern: &str, from_start: bool, longest: bool) -> String {
    let mut bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    bounds.push(text.len());
    // A long cut at the start tries the far end first, one at the end the near start first.
    if from_start == longest {
        bounds.reverse();
    }
    for at in bounds {
        let (head, tail) = text.split_at(at);
        if from_start && matches_pattern(pattern, head) {
            return tail.to_owned();
        }
        if !from_start && matches_pattern(pattern, tail) {
            return head.to_owned();
        }
    }
    text.to_owned()
}

/// The place in the pattern after matching `character`, if it matches.
fn match_one(pattern: &[char], at: usize, character: char) -> Option<usize> {
    match pattern.get(at)? {
        '?' => Some(at + 1),
        '[' => match match_set(pattern, at + 1, character) {
            Some((true, next)) => Some(next),
            Some((false, _)) => None,
            None => (character == '[').then_some(at + 1),
        },
        '\\' => (pattern.get(at + 1) == Some(&character)).then_some(at + 2),
        literal => (*literal == character).then_some(at + 1),
    }
}

/// Is `character` in the set that starts at `at`, and where does the set end? None: no set.
fn match_set(pattern: &[char], mut at: usize, character: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(at), Some('!' | '^'));
    at += usize::from(negated);
    let (start, mut found) = (at, false);
    loop {
        let first = *pattern.get(at)?;
        if first == ']' && at > start {
            return Some((found != negated, at + 1));
        }
        let last = match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some('-'), Some(&last)) if last != ']' => last,
            _ => first,
        };
        found |= (first..=last).contains(&character);
        at += if last == first { 1 } else { 3 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text) in [
            ("S??*", "S10boot"),
            ("*.sh", "a.sh"),
            ("[0-9]*", "7x"),
            ("[!a]b", "cb"),
            ("a\\*", "a*"),
            ("", ""),
        ] {
            assert!(matches_pattern(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("S??*", "S1"), ("a\\*", "ab"), ("[!a]b", "ab"), ("*.sh", "a.s")] {
            assert!(!matches_pattern(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn cutting_takes_the_shortest_or_longest_match() {
        assert_eq!(cut("/etc/init.d/x", "*/", true, false), "etc/init.d/x");
        assert_eq!(cut("/etc/init.d/x", "*/", true, true), "x");
        assert_eq!(cut("a.b.c", ".*", false, false), "a.b");
        assert_eq!(cut("a.b.c", ".*", false, true), "a");
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches_pattern(&pattern, &"a".repeat(2000)));
    }
}
