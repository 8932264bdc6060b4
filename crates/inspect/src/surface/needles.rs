// SPDX-License-Identifier: Apache-2.0
//! Literal texts without which a regular expression cannot match.
//!
//! Compiling the 130 expressions of the SDK marks takes longer than holding them against an image,
//! and most images need few of them: an expression is compiled when one of its needles shows up.

/// Texts in lower case, of which every match holds at least one, whatever the case of its letters. None where no such
/// texts can be told; never a set that a match could do without.
pub(super) fn find_needles(pattern: &str) -> Option<Vec<String>> {
    let mut reader = Reader { rest: pattern.as_bytes() };
    let found = reader.alternatives(0)?;
    reader.rest.is_empty().then_some(found)
}

/// Groups within groups that are followed.
const MAX_DEPTH: usize = 8;

struct Reader<'a> {
    rest: &'a [u8],
}

/// One thing that a quantifier can follow.
enum Atom {
    Literal(u8),
    /// A group, and what each of its matches holds.
    Group(Option<Vec<String>>),
    /// A place between characters.
    Place,
    /// A class, or anything else that takes up characters.
    Other,
}

/// How often an atom stands there.
enum Times {
    Once,
    /// At least once.
    More,
    /// Perhaps never.
    Maybe,
}

/// The best set of needles of a sequence, and the literal that is being collected.
#[derive(Default)]
struct Best {
    set: Option<Vec<String>>,
    run: String,
}

impl Best {
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.offer(vec![run]);
    }

    /// Longer needles are rarer; a set is as good as its worst.
    fn offer(&mut self, set: Vec<String>) {
        let worth = |set: &Vec<String>| set.iter().map(|needle| worth(needle)).min().unwrap_or(0);
        if worth(&set) > worth(self.set.get_or_insert_default()) {
            self.set = Some(set);
        }
    }
}

/// A directory is in many paths; a single letter is in all.
fn worth(needle: &str) -> usize {
    match needle.len() {
        0 | 1 => 0,
        _ if needle.starts_with('/') && needle.ends_with('/') => 1,
        length => length,
    }
}

impl Reader<'_> {
    fn alternatives(&mut self, depth: usize) -> Option<Vec<String>> {
        let mut all = Some(Vec::new());
        loop {
            let one = self.sequence(depth);
            all = all.zip(one).map(|(mut all, one)| {
                all.extend(one);
                all
            });
            if self.rest.first() != Some(&b'|') {
                return all;
            }
            self.rest = &self.rest[1..];
        }
    }

    fn sequence(&mut self, depth: usize) -> Option<Vec<String>> {
        let mut best = Best::default();
        while let Some(first) = self.rest.first().copied().filter(|byte| !b"|)".contains(byte)) {
            let atom = self.atom(first, depth)?;
            match (atom, self.times()?) {
                (Atom::Place, _) => {}
                (Atom::Literal(byte), Times::Once) => {
                    best.run.push(byte.to_ascii_lowercase().into())
                }
                (Atom::Literal(byte), Times::More) => {
                    best.run.push(byte.to_ascii_lowercase().into());
                    best.end_run();
                }
                (Atom::Group(Some(set)), Times::Once | Times::More) => {
                    best.end_run();
                    best.offer(set);
                }
                _ => best.end_run(),
            }
        }
        best.end_run();
        best.set.filter(|set| !set.is_empty())
    }

    fn atom(&mut self, first: u8, depth: usize) -> Option<Atom> {
        self.rest = &self.rest[1..];
        match first {
            b'^' | b'$' => Some(Atom::Place),
            b'.' => Some(Atom::Other),
            b'[' => self.class(),
            b'(' => self.group(depth),
            b'\\' => {
                let (escaped, rest) = self.rest.split_first()?;
                self.rest = rest;
                match escaped {
                    b'b' | b'B' => Some(Atom::Place),
                    byte if byte.is_ascii_alphanumeric() => Some(Atom::Other),
                    byte => Some(Atom::Literal(*byte)),
                }
            }
            byte if byte.is_ascii() && !b"*+?{".contains(&byte) => Some(Atom::Literal(byte)),
            _ => None,
        }
    }

    /// Skips to the end of a class. Classes in classes are not followed.
    fn class(&mut self) -> Option<Atom> {
        let body = self.rest.strip_prefix(b"^").unwrap_or(self.rest);
        let close = body.iter().skip(1).position(|byte| *byte == b']')? + 1;
        let (inside, rest) = (body.get(..close)?, body.get(close + 1..)?);
        if inside.contains(&b'[') || inside.contains(&b'\\') {
            return None;
        }
        self.rest = rest;
        Some(Atom::Other)
    }

    /// `(`, `(?:` and `(?i)`; other flags are not followed.
    fn group(&mut self, depth: usize) -> Option<Atom> {
        if let Some(rest) = self.rest.strip_prefix(b"?i)") {
            self.rest = rest;
            return Some(Atom::Place);
        }
        self.rest = self.rest.strip_prefix(b"?:").unwrap_or(self.rest);
        if self.rest.first() == Some(&b'?') || depth >= MAX_DEPTH {
            return None;
        }
        let set = self.alternatives(depth + 1);
        self.rest = self.rest.strip_prefix(b")")?;
        Some(Atom::Group(set))
    }

    fn times(&mut self) -> Option<Times> {
        let (times, length) = match self.rest.first() {
            Some(b'*' | b'?') => (Times::Maybe, 1),
            Some(b'+') => (Times::More, 1),
            Some(b'{') => {
                let close = self.rest.iter().position(|byte| *byte == b'}')?;
                let least = self.rest.get(1)?;
                let zero = !least.is_ascii_digit() || *least == b'0';
                (if zero { Times::Maybe } else { Times::More }, close + 1)
            }
            _ => return Some(Times::Once),
        };
        self.rest = self.rest.get(length..)?;
        self.rest = self.rest.strip_prefix(b"?").unwrap_or(self.rest);
        Some(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> String {
        find_needles(pattern).map_or("-".to_owned(), |set| set.join(" "))
    }

    #[test]
    fn needles_are_what_no_match_can_do_without() {
        assert_eq!(of("(?i)realtek|\\brtk[-_ ]"), "realtek rtk");
        assert_eq!(of("^(?:ath_hal|umac|asf)$"), "ath_hal umac asf");
        assert_eq!(of("(?i)\\b(ar7[0-9]{3}|qca4[0-9]{3})\\b"), "ar7 qca4");
        assert_eq!(
            of("^/etc/(?:poky-version|build)$|^/var/lib/opkg"),
            "poky-version build /var/lib/opkg"
        );
        assert_eq!(of("LSDK-([0-9][0-9.]*[0-9])"), "lsdk-");
        assert_eq!(of("i\\.?mx[2-9]"), "mx");
        assert_eq!(of("abc?d"), "ab");
        assert_eq!(of("ab+c"), "ab");
        assert_eq!(of("(?:abcdef)?gh"), "gh");
        assert_eq!(of("x{0,3}yz"), "yz");
    }

    #[test]
    fn what_cannot_be_told_has_no_needles() {
        for pattern in
            ["a|[bc]", "[abc]+", ".*", "a", "(?s)abc", "(abc", "ab)c", "[[:alpha:]]xyz", "é", ""]
        {
            assert_eq!(of(pattern), "-", "{pattern}");
        }
    }
}
