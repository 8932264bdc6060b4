// SPDX-License-Identifier: Apache-2.0
//! The header block of one entry.

use kakoi_model::Problem;

use super::BLOCK;
use crate::Input;

/// One header with a right checksum.
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: u8,
    pub(super) mode: u32,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size: usize,
    pub(super) mtime: Option<i64>,
    pub(super) device: (u32, u32),
}

impl Header {
    /// None when the checksum is wrong or a number is none.
    pub(super) fn parse(input: &Input, start: usize) -> Result<Option<Self>, Problem> {
        let block: &[u8; BLOCK] = &input.array(start, "header")?;
        let Some(sum) = number(&block[148..156]) else { return Ok(None) };
        if !checksum_holds(block, sum) {
            return Ok(None);
        }
        let Some(size) = number(&block[124..136]).and_then(|size| usize::try_from(size).ok())
        else {
            return Ok(None);
        };
        let small = |range: std::ops::Range<usize>| {
            number(&block[range]).and_then(|value| u32::try_from(value).ok())
        };
        Ok(Some(Self {
            name: name(block),
            link: text(&block[157..257]).to_vec(),
            kind: block[156],
            mode: small(100..108).unwrap_or(0),
            uid: small(108..116),
            gid: small(116..124),
            size,
            mtime: number(&block[136..148]),
            device: (small(329..337).unwrap_or(0), small(337..345).unwrap_or(0)),
        }))
    }
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// POSIX has a prefix for long names; GNU has other things in its place, and a different magic.
fn name(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    if &block[257..263] != b"ustar\0" || prefix.is_empty() {
        return name.to_vec();
    }
    [prefix, name].join(&b'/')
}

/// Octal digits between blanks, or with the highest bit set a big-endian number. Empty is zero.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = i64::from(first & 0x7f) - if first & 0x40 != 0 { 0x80 } else { 0 };
        return rest
            .iter()
            .try_fold(start, |value, &byte| value.checked_mul(256)?.checked_add(i64::from(byte)));
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0_i64, |value, &byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

/// The sum of all bytes with the field itself taken as blanks; some writers added them as signed.
fn checksum_holds(block: &[u8; BLOCK], sum: i64) -> bool {
    let counted = |index: usize, byte: u8| if (148..156).contains(&index) { b' ' } else { byte };
    let bytes = || block.iter().enumerate().map(|(index, &byte)| counted(index, byte));
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    block[0] != 0 && (sum == unsigned || sum == signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"  644 \0\0"), Some(0o644));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\0\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b"64x\0"), None);
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }
}
