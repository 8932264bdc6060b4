// SPDX-License-Identifier: Apache-2.0
//! Distinguished Encoding Rules (ITU-T X.690), as much as certificates and keys need.

/// Tags that are looked for.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A position in encoded values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'b> {
    rest: &'b [u8],
}

impl<'b> Der<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag that comes next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value, whatever its tag: tag and content.
    pub(super) fn next(&mut self) -> Option<(u8, &'b [u8])> {
        let (&tag, rest) = self.rest.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let digits = rest.get(..count)?;
                let length = digits.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
                (length, rest.get(count..)?)
            }
            _ => return None,
        };
        let content = rest.get(..length)?;
        self.rest = rest.get(length..)?;
        Some((tag, content))
    }

    /// The content of the next value, if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'b [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    /// The inside of the next sequence.
    pub(super) fn enter(&mut self) -> Option<Self> {
        Some(Self::new(self.take(SEQUENCE)?))
    }

    /// A non-negative whole number: its bytes without leading zeros.
    pub(super) fn take_number(&mut self) -> Option<&'b [u8]> {
        let content = self.take(INTEGER)?;
        if content.is_empty() || content.first().is_some_and(|byte| byte & 0x80 != 0) {
            return None;
        }
        let zeros = content.iter().take_while(|byte| **byte == 0).count();
        content.get(zeros..)
    }
}

/// Length of a number in bits.
pub(super) fn bits_of(number: &[u8]) -> Option<u32> {
    let first = number.first()?;
    let bits = u32::try_from(number.len()).ok()?.checked_mul(8)?;
    bits.checked_sub(first.leading_zeros())
}

/// Length of the value at the start of `bytes`, header included.
pub(super) fn length_of(bytes: &[u8]) -> Option<usize> {
    let mut der = Der::new(bytes);
    der.next()?;
    Some(bytes.len() - der.rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lead_outside_are_refused() {
        assert_eq!(Der::new(&[2, 1, 5]).next(), Some((2, &[5][..])));
        assert!(Der::new(&[2, 2, 5]).next().is_none());
        assert!(Der::new(&[2, 0x84, 0xff, 0xff, 0xff, 0xff, 1]).next().is_none());
        assert!(Der::new(&[2, 0x80]).next().is_none());
        assert_eq!(bits_of(&[0x01, 0xff]), Some(9));
    }
}
