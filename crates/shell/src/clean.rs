// SPDX-License-Identifier: Apache-2.0
//! A line as the terminal would have handed it over: control bytes of Telnet and of line editing
//! removed.

use std::borrow::Cow;

/// Interpret As Command (RFC 854).
const IAC: u8 = 0xff;
/// Begin and end of a sub-negotiation (RFC 854).
const SB: u8 = 0xfa;
const SE: u8 = 0xf0;
/// WILL, WONT, DO, DONT: one option byte follows (RFC 854).
const NEGOTIATION: std::ops::RangeInclusive<u8> = 0xfb..=0xfe;
/// Commands without an option: SE, NOP to GA (RFC 854).
const PLAIN_COMMAND: std::ops::RangeInclusive<u8> = 0xf0..=0xf9;

/// The line that a terminal in cooked mode would have delivered: Telnet commands, NUL, carriage
/// returns at the end and escape sequences are gone; backspace, DEL and `^U` have done their work.
#[must_use]
pub fn clean_line(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | 0)).map_or(0, |at| at + 1);
    let line = line.get(..end).unwrap_or_default();
    if !line.iter().any(|&byte| is_control(byte) || byte == IAC) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(edit(&strip_telnet(line)))
}

/// Removes the commands of the Telnet protocol; a doubled `0xff` is one data byte. A lone `0xff`
/// that starts no command stays.
#[must_use]
pub fn strip_telnet(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&IAC) {
        return Cow::Borrowed(bytes);
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != IAC {
            kept.push(byte);
            continue;
        }
        match after.first() {
            Some(&IAC) => {
                kept.push(IAC);
                rest = tail(after, 1);
            }
            Some(&SB) => rest = after_subnegotiation(tail(after, 1)),
            Some(byte) if NEGOTIATION.contains(byte) => rest = tail(after, 2),
            Some(byte) if PLAIN_COMMAND.contains(byte) => rest = tail(after, 1),
            Some(_) | None => kept.push(IAC),
        }
    }
    Cow::Owned(kept)
}

fn after_subnegotiation(bytes: &[u8]) -> &[u8] {
    bytes.windows(2).position(|pair| pair == [IAC, SE]).map_or(&[], |at| tail(bytes, at + 2))
}

fn tail(bytes: &[u8], from: usize) -> &[u8] {
    bytes.get(from..).unwrap_or_default()
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n') || byte == 0x7f
}

/// Line editing as the terminal does it (termios, `ICANON`): ERASE, KILL; escape sequences and
/// other control bytes do not reach the line.
fn edit(bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x08 | 0x7f => {
                line.pop();
            }
            0x15 => line.clear(),
            0x1b => rest = after_escape(after),
            _ if is_control(byte) => {}
            _ => line.push(byte),
        }
    }
    line
}

/// What follows an escape sequence (ECMA-48: CSI, or a single byte).
fn after_escape(bytes: &[u8]) -> &[u8] {
    match bytes.split_first() {
        Some((b'[', rest)) => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(&[], |end| tail(rest, end + 1))
        }
        Some((_, rest)) => rest,
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telnet_negotiation_inside_a_line_is_gone() {
        let line = b"\xff\xfd\x03\xff\xfb\x18en\xff\xfa\x18\x00VT100\xff\xf0able\r\x00";
        assert_eq!(clean_line(line).as_ref(), b"enable");
    }

    #[test]
    fn erase_and_kill_have_done_their_work() {
        assert_eq!(clean_line(b"abc\x15lx\x08s\x7fs").as_ref(), b"ls");
        assert_eq!(clean_line(b"\x08\x08id").as_ref(), b"id");
    }

    #[test]
    fn escape_sequences_and_nul_do_not_reach_the_line() {
        assert_eq!(clean_line(b"\x1b[A\x1b[1;5Cun\x00ame\x1b").as_ref(), b"uname");
    }

    #[test]
    fn a_clean_line_is_not_copied() {
        assert!(matches!(clean_line("echo \u{e9}\n".as_bytes()), Cow::Borrowed(_)));
    }
}
