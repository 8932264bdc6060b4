// SPDX-License-Identifier: Apache-2.0
//! The escapes of `echo -e`, `printf` and `$'…'`.

/// What `echo -e`, the format of `printf` (its conversions left as they are) and `$'…'` hold, as
/// BusyBox and bash have it: `\n`, `\0NNN`, `\NNN`, `\xHH`; `\c` ends. Unknown escapes stay.
#[must_use]
pub fn decode_escapes(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            decoded.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else {
            decoded.push(b'\\');
            break;
        };
        rest = after;
        match kind {
            b'c' => break,
            b'x' => rest = hexadecimal(rest, &mut decoded),
            b'0'..=b'7' => rest = octal(kind, rest, &mut decoded),
            _ => match single(kind) {
                Some(byte) => decoded.push(byte),
                None => decoded.extend([b'\\', kind]),
            },
        }
    }
    decoded
}

const fn single(kind: u8) -> Option<u8> {
    Some(match kind {
        b'a' => 7,
        b'b' => 8,
        b'e' => 0x1b,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' | b'\'' | b'"' => kind,
        _ => return None,
    })
}

/// `\xH` and `\xHH`; without a digit the two characters stay.
fn hexadecimal<'t>(rest: &'t [u8], decoded: &mut Vec<u8>) -> &'t [u8] {
    let digits = rest.iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 {
        decoded.extend(b"\\x");
        return rest;
    }
    let (digits, rest) = rest.split_at(digits);
    decoded.push(number(digits, 16));
    rest
}

/// `\NNN` and `\0NNN`: up to three digits, after a leading zero up to three more.
fn octal<'t>(first: u8, rest: &'t [u8], decoded: &mut Vec<u8>) -> &'t [u8] {
    let most = if first == b'0' { 3 } else { 2 };
    let digits = rest.iter().take(most).take_while(|byte| (b'0'..=b'7').contains(*byte)).count();
    let (digits, rest) = rest.split_at(digits);
    let value = u32::from(first - b'0') << (3 * digits.len() as u32);
    decoded.push((value as u8) | number(digits, 8));
    rest
}

fn number(digits: &[u8], base: u32) -> u8 {
    let digit = |byte: &u8| (*byte as char).to_digit(base).unwrap_or(0);
    digits.iter().fold(0_u32, |value, byte| value.wrapping_mul(base) + digit(byte)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_and_octal_escapes_are_bytes() {
        assert_eq!(decode_escapes(b"\\x7f\\x45LF\\1\\01\\0177\\x"), b"\x7fELF\x01\x01\x7f\\x");
        assert_eq!(decode_escapes(b"\\177ELF\\n"), b"\x7fELF\n");
    }

    #[test]
    fn backslash_c_ends_the_output() {
        assert_eq!(decode_escapes(b"ab\\cde"), b"ab");
    }

    #[test]
    fn unknown_escapes_and_a_last_backslash_stay() {
        assert_eq!(decode_escapes(b"\\q\\"), b"\\q\\");
    }
}
