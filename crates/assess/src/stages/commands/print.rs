// SPDX-License-Identifier: Apache-2.0
//! `echo` and `printf`: text, marks, and bytes for files.

use kakoi_shell::decode_escapes;

use crate::stages::effect::{Content, Effect};

use super::{Invocation, Outcome};

/// What the program does, if it is one of these.
pub(super) fn effects(invocation: &Invocation<'_>) -> Option<Outcome> {
    let (text, escaped) = match invocation.name {
        "echo" => echo(invocation),
        "printf" => printf(invocation),
        _ => return None,
    };
    if !invocation.prints {
        return Some(Outcome::printing(Content::Text(text)));
    }
    let blank = text.trim_ascii().is_empty();
    let effect = if invocation.varies {
        Effect::Survey
    } else if escaped || (!blank && is_one_word(&text)) {
        Effect::Mark
    } else {
        Effect::Nothing
    };
    Some(Outcome { effects: vec![effect], output: Content::Text(text) })
}

/// A word of its own is printed to see whether printing works; a sentence is for a reader.
fn is_one_word(text: &[u8]) -> bool {
    !text.trim_ascii().iter().any(u8::is_ascii_whitespace)
}

/// The text, and whether it held escapes of bytes.
fn echo(invocation: &Invocation<'_>) -> (Vec<u8>, bool) {
    let option = |text: &str| {
        text.len() > 1
            && text.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|b| b"neE".contains(&b)))
    };
    let options = invocation.arguments.iter().take_while(|field| option(&field.text())).count();
    let (options, words) = invocation.arguments.split_at(options);
    // BusyBox interprets escapes with -e only; dash always does. What looks like a byte is taken
    // for one.
    let interprets = options.iter().any(|field| field.text().contains('e'));
    let raw = words.iter().map(|field| field.bytes.as_slice()).collect::<Vec<_>>().join(&b' ');
    let escaped = holds_byte_escapes(&raw);
    let text = if interprets || escaped { decode_escapes(&raw) } else { raw };
    (text, escaped)
}

/// The format and its arguments one after the other: enough to see what kind of bytes they are.
fn printf(invocation: &Invocation<'_>) -> (Vec<u8>, bool) {
    let raw: Vec<&[u8]> = invocation.arguments.iter().map(|field| field.bytes.as_slice()).collect();
    let raw = match raw.split_first() {
        Some((format, rest)) if !rest.is_empty() && format.starts_with(b"%") => rest.concat(),
        _ => raw.concat(),
    };
    (decode_escapes(&raw), holds_byte_escapes(&raw))
}

/// `\xHH`, `\NNN`, `\0NNN`.
fn holds_byte_escapes(text: &[u8]) -> bool {
    text.windows(3).any(|window| match window {
        [b'\\', b'x', digit] => digit.is_ascii_hexdigit(),
        [b'\\', first, second] => first.is_ascii_digit() && second.is_ascii_digit(),
        _ => false,
    })
}
