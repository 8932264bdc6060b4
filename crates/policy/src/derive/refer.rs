// SPDX-License-Identifier: Apache-2.0
//! What a content refers to: absolute paths and command lines, each with the place it stands at.
//!
//! How it works: stretches of printable bytes of programs; words of scripts and configuration. False positives:
//! prose that reads like a command; paths of another device that the vendor builds from the same source. False
//! negatives: names that are put together at run time.

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) what: Referred,
    /// `0x1f30`, or `line 12`.
    pub(super) at: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Referred {
    /// An absolute path; parts that are not known are `*`.
    Path(String),
    /// A path that is written to.
    Written(String),
    /// First word of a command line, and the rest.
    Command(String, Vec<String>),
}

/// Most references of one content.
const MOST: usize = 6000;
/// Longest text that is looked at.
const LONGEST: usize = 400;

/// References in the strings of a program.
pub(super) fn in_program(content: &[u8]) -> Vec<Reference> {
    let mut found = Vec::new();
    for (offset, text) in strings(content) {
        if found.len() >= MOST {
            break;
        }
        let at = format!("0x{offset:x}");
        let mut put = |what| found.push(Reference { what, at: at.clone() });
        let command = commands(text);
        let runs = !command.is_empty();
        command.into_iter().for_each(&mut put);
        words(text).for_each(|word| {
            if let Some(path) = path_in(word.text) {
                put(if word.written { Referred::Written(path) } else { Referred::Path(path) });
            }
        });
        // `/var/run/` waits for a name; `"/etc/%s"` has its gap as `*` already.
        let waits = !runs && text.starts_with('/') && text.len() > 2 && text.ends_with('/');
        if let Some(path) = path_in(&format!("{text}%s")).filter(|_| waits) {
            put(Referred::Path(path));
        }
    }
    found
}

/// References in a script, or in a configuration when nothing in it is run.
pub(super) fn in_text(content: &[u8], runs: Runs) -> Vec<Reference> {
    let text = String::from_utf8_lossy(content);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') || found.len() >= MOST {
            continue;
        }
        let at = format!("line {}", number + 1);
        let mut put = |what| found.push(Reference { what, at: at.clone() });
        if runs == Runs::Commands {
            script_commands(line).into_iter().for_each(&mut put);
        }
        words(line).for_each(|word| {
            if let Some(path) = path_in(word.text) {
                put(if word.written { Referred::Written(path) } else { Referred::Path(path) });
            }
        });
    }
    found
}

/// Is a text a script, or does it only name things?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    Commands,
    Nothing,
}

struct Word<'a> {
    text: &'a str,
    written: bool,
}

/// Words, and whether a `>` stands before them.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let is_cut = |c: char| c.is_whitespace() || "\"'`;|&()<=,{}".contains(c);
    let mut written = false;
    text.split_inclusive(['>']).flat_map(move |piece| {
        let after = std::mem::replace(&mut written, piece.ends_with('>'));
        let piece = piece.trim_end_matches('>');
        piece
            .split(is_cut)
            .filter(|word| !word.is_empty())
            .enumerate()
            .map(move |(number, text)| Word { text, written: after && number == 0 })
    })
}

/// An absolute path in a word, with gaps for what is not known.
fn path_in(word: &str) -> Option<String> {
    let word = word.trim_end_matches([':', '.', '!', '\\']);
    let word = word.strip_prefix("file://").unwrap_or(word);
    let word = word.get(word.find('/')?..).filter(|_| word.starts_with('/'))?;
    if word.len() < 4 || word.len() > 160 || word.starts_with("//") {
        return None;
    }
    let mut path = String::new();
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => {
                while letters.peek().is_some_and(|c| c.is_ascii_digit() || "-.lh#".contains(*c)) {
                    letters.next();
                }
                letters.next()?;
                path.push('*');
            }
            '$' => {
                while letters.peek().is_some_and(|c| c.is_alphanumeric() || "_{}?".contains(*c)) {
                    letters.next();
                }
                path.push('*');
            }
            c if c.is_ascii_alphanumeric() || "/._-+@~".contains(c) => path.push(c),
            '*' => path.push('*'),
            _ => return None,
        }
    }
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    // A gap for the first part is any path; `..` leaves what is written.
    if parts.first().is_none_or(|first| first.starts_with('*')) || parts.contains(&"..") {
        return None;
    }
    let parts: Vec<String> = parts.into_iter().map(one_star).collect();
    Some(format!("/{}", parts.join("/")))
}

/// `**` inside a part is the same as `*`.
fn one_star(part: &str) -> String {
    let mut plain = part.to_owned();
    while plain.contains("**") {
        plain = plain.replace("**", "*");
    }
    plain
}

/// Commands that a string of a program may hold.
fn commands(text: &str) -> Vec<Referred> {
    let several = text.contains([';', '|', '&', '>']);
    let mut found = Vec::new();
    for segment in text.split([';', '|', '\n', '`', '(', '&']).take(20) {
        let words: Vec<&str> = segment.split_whitespace().take(24).collect();
        let Some(first) = words.first() else { continue };
        let rest = words.get(1..).unwrap_or_default();
        let plain = first.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b));
        let argued = rest.iter().take(5).any(|word| is_argument(word));
        let ended = text.ends_with(' ') && words.len() == 1;
        if plain
            && first.len() > 1
            && !first.starts_with('-')
            && (first.starts_with('/') || argued || several || ended)
        {
            let rest = rest.iter().map(|word| (*word).to_owned()).collect();
            found.push(Referred::Command((*first).to_owned(), rest));
        }
    }
    found
}

/// What command lines have and prose has not.
fn is_argument(word: &str) -> bool {
    let interface = ["eth", "br", "ath", "wlan", "ra", "ppp", "lo", "vlan", "wl", "wifi"];
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    word.starts_with(['-', '/', '%', '$'])
        || word.bytes().all(|byte| byte.is_ascii_digit())
        || (letters != word && interface.contains(&letters))
}

/// Words at the places of a line of a script where commands stand.
fn script_commands(line: &str) -> Vec<Referred> {
    let mut found = Vec::new();
    let spaced = line.replace("&&", ";").replace("||", ";").replace("$(", ";").replace('`', ";");
    for segment in spaced.split([';', '|', '&', '(', ')', '{', '}']) {
        let mut words = segment.split_whitespace().peekable();
        while words.peek().is_some_and(|word| {
            is_word_of_shell(word) || word.contains('=') || is_time_of_cron(word)
        }) {
            words.next();
        }
        let Some(first) = words.next() else { continue };
        let first = first.trim_matches(['"', '\'']);
        if first.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+[".contains(&b)) {
            let rest: Vec<String> = words.take(24).map(str::to_owned).collect();
            // `nohup`, `exec`, `time` and the like run their operand.
            if let Some(next) = rest.first().filter(|_| RUNNERS.contains(&first)) {
                found.push(Referred::Command(
                    next.clone(),
                    rest.get(1..).unwrap_or_default().to_vec(),
                ));
            }
            found.push(Referred::Command(first.to_owned(), rest));
        }
    }
    found
}

const RUNNERS: &[&str] =
    &["nohup", "exec", "time", "nice", "xargs", "busybox", "start-stop-daemon"];

/// Minutes, hours, days of crontab(5).
fn is_time_of_cron(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || b"*/,-".contains(&byte))
}

fn is_word_of_shell(word: &str) -> bool {
    ["if", "then", "else", "elif", "do", "while", "until", "!", "in", "fi", "done", "esac", "exec"]
        .contains(&word)
}

/// Printable stretches with their offsets.
fn strings(content: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let printable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n');
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = content.get(at..)?;
            let start = at + rest.iter().position(printable)?;
            let tail = content.get(start..)?;
            let length = tail.iter().position(|byte| !printable(byte)).unwrap_or(tail.len());
            at = start + length + 1;
            if (4..=LONGEST).contains(&length)
                && let Some(text) =
                    tail.get(..length).and_then(|text| std::str::from_utf8(text).ok())
            {
                return Some((start, text));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_becomes_a_pattern_and_a_redirection_is_a_write() {
        let found = in_program(b"\0/etc/ppp/%s.conf\0echo %d > /proc/sys/net/ipv4/ip_forward\0");
        let what: Vec<&Referred> = found.iter().map(|one| &one.what).collect();
        assert!(what.contains(&&Referred::Path("/etc/ppp/*.conf".to_owned())), "{what:?}");
        let written = Referred::Written("/proc/sys/net/ipv4/ip_forward".to_owned());
        assert!(what.contains(&&written), "{what:?}");
        let echo = Referred::Command(
            "echo".to_owned(),
            vec!["%d".to_owned(), ">".to_owned(), "/proc/sys/net/ipv4/ip_forward".to_owned()],
        );
        assert!(what.contains(&&echo), "{what:?}");
    }

    #[test]
    fn prose_is_no_command_and_a_url_is_no_path() {
        let found = in_program(b"\0login failed for user\0http://192.0.2.1/x\0");
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn commands_of_scripts_stand_behind_words_of_the_shell() {
        let text = b"#!/bin/sh\nif [ -f /etc/x ]; then\n\tnohup /sbin/d -p 80 &\nfi\nA=1 ifconfig eth0 up\n";
        let names: Vec<String> = in_text(text, Runs::Commands)
            .into_iter()
            .filter_map(|one| match one.what {
                Referred::Command(name, _) => Some(name),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["[", "/sbin/d", "nohup", "ifconfig"]);
    }

    #[test]
    fn a_line_of_cron_runs_what_stands_behind_its_time() {
        let found = in_text(b"*/5 0-6 * * * /bin/date > /var/clock\n", Runs::Commands);
        let what: Vec<&Referred> = found.iter().map(|one| &one.what).collect();
        assert!(
            what.iter().any(|one| matches!(one, Referred::Command(name, _) if name == "/bin/date")),
            "{what:?}"
        );
        assert!(what.contains(&&Referred::Written("/var/clock".to_owned())), "{what:?}");
    }
}
