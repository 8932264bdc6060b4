// SPDX-License-Identifier: Apache-2.0
//! LZW as compress(1) writes it: codes of 9 to 16 bits, least significant bit first, in groups of
//! eight codes of one width, with or without a code that clears the table.

use std::io::Write;

use super::{CodecError, CodecFailure};

/// Bits that codes may have at most.
const MAX_BITS: u32 = 16;

/// In block mode this code clears the table.
const CLEAR: usize = 256;

pub(super) fn decode(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let Some(&[0x1f, 0x9d, flags]) = input.first_chunk::<3>() else {
        return Err(CodecError::new(CodecFailure::Truncated, "header of 3 bytes"));
    };
    let max_bits = u32::from(flags & 0x1f);
    if !(9..=MAX_BITS).contains(&max_bits) {
        return Err(CodecError::corrupt("width of codes"));
    }
    Lzw::new(max_bits, flags & 0x80 != 0).run(&input[3..], output)?;
    Ok(input.len())
}

struct Lzw {
    max_bits: u32,
    first_free: usize,
    /// For each code from 256: the code before its last byte, and that byte.
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    stack: Vec<u8>,
}

impl Lzw {
    fn new(max_bits: u32, block_mode: bool) -> Self {
        let size = 1 << MAX_BITS;
        let first_free = if block_mode { CLEAR + 1 } else { CLEAR };
        Self {
            max_bits,
            first_free,
            prefix: vec![0; size],
            suffix: vec![0; size],
            stack: Vec::new(),
        }
    }

    fn run(&mut self, input: &[u8], output: &mut dyn Write) -> Result<(), CodecError> {
        let mut reader = Codes { input, at: 0, width: 9, in_group: 0 };
        let (mut free, mut previous) = (self.first_free, None);
        let mut first_byte = 0;
        let mut buffer = Vec::with_capacity(64 << 10);
        while let Some(code) = reader.next() {
            if code == CLEAR && self.first_free > CLEAR {
                reader.change_width(9);
                (free, previous) = (self.first_free, None);
                continue;
            }
            let Some(before) = previous else {
                first_byte = u8::try_from(code).map_err(|_| CodecError::corrupt("first code"))?;
                buffer.push(first_byte);
                previous = Some(code);
                continue;
            };
            first_byte = self.expand(code, before, free, first_byte, &mut buffer)?;
            if free < 1 << self.max_bits {
                self.prefix[free] = u16::try_from(before).unwrap_or(u16::MAX);
                self.suffix[free] = first_byte;
                free += 1;
                if free >= 1 << reader.width && reader.width < self.max_bits {
                    reader.change_width(reader.width + 1);
                }
            }
            previous = Some(code);
            if buffer.len() >= 60 << 10 {
                output.write_all(&buffer)?;
                buffer.clear();
            }
        }
        output.write_all(&buffer)?;
        Ok(())
    }

    /// Appends the text of a code and returns its first byte. A code that is just about to be
    /// defined is the text of the one before and that text's first byte.
    fn expand(
        &mut self,
        code: usize,
        before: usize,
        free: usize,
        first_byte: u8,
        buffer: &mut Vec<u8>,
    ) -> Result<u8, CodecError> {
        let mut at = code;
        self.stack.clear();
        if code >= free {
            if code > free {
                return Err(CodecError::corrupt("code before its definition"));
            }
            self.stack.push(first_byte);
            at = before;
        }
        // Each step goes to a smaller code, so this ends.
        while at >= CLEAR {
            self.stack.push(self.suffix[at]);
            at = usize::from(self.prefix[at]);
        }
        let first = u8::try_from(at).unwrap_or_default();
        self.stack.push(first);
        buffer.extend(self.stack.iter().rev());
        Ok(first)
    }
}

/// Reads codes; a change of width skips to the next group of eight codes of the old width.
struct Codes<'a> {
    input: &'a [u8],
    /// Bits read.
    at: usize,
    width: u32,
    in_group: usize,
}

impl Codes<'_> {
    fn change_width(&mut self, width: u32) {
        let skipped = (8 - self.in_group % 8) % 8;
        self.at += skipped * self.width as usize;
        self.in_group = 0;
        self.width = width;
    }

    fn next(&mut self) -> Option<usize> {
        let width = self.width as usize;
        if self.at + width > self.input.len() * 8 {
            return None;
        }
        let byte = |offset: usize| usize::from(*self.input.get(self.at / 8 + offset).unwrap_or(&0));
        let word = byte(0) | byte(1) << 8 | byte(2) << 16;
        let code = word >> (self.at % 8) & ((1 << width) - 1);
        self.at += width;
        self.in_group += 1;
        Some(code)
    }
}
