// SPDX-License-Identifier: Apache-2.0
//! The coding of H. Okumura's "ar002": matches in a sliding window, coded by Huffman in blocks. ARJ's
//! methods 1 to 3, LHA's lh4 to lh7 and the compression of UEFI differ only in the positions.

/// Literals, lengths 3 to 256.
const SYMBOLS: usize = 256 + 254;

/// Codes of the lengths of codes.
const LENGTH_CODES: usize = 19;

/// How positions are coded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    /// How many codes there are: one more than the bits of the window.
    pub(super) codes: usize,
    /// Bits of their number.
    pub(super) bits: usize,
    /// What stands before the first byte, if a match may reach there.
    pub(super) before: Option<u8>,
}

/// Shortest match.
const MIN_MATCH: usize = 3;

/// Longest code.
const MAX_BITS: usize = 16;

/// Unpacks `size` bytes; None when the stream is damaged.
pub(super) fn decode(packed: &[u8], size: usize, how: Positions) -> Option<Vec<u8>> {
    let mut bits = Bits { bytes: packed, at: 0 };
    let mut output = Vec::new();
    while output.len() < size {
        let count = bits.take(16)?;
        let lengths = read_lengths(&mut bits, (5, LENGTH_CODES), Some(3))?;
        let symbols = read_symbols(&mut bits, &lengths)?;
        let positions = read_lengths(&mut bits, (how.bits, how.codes), None)?;
        for _ in 0..count {
            if output.len() >= size {
                break;
            }
            let symbol = symbols.read(&mut bits)?;
            match u8::try_from(symbol) {
                Ok(literal) => output.push(literal),
                Err(_) => {
                    let length = (symbol - 256 + MIN_MATCH).min(size - output.len());
                    copy(&mut output, position(&mut bits, &positions)?, length, how.before)?;
                }
            }
        }
        if count == 0 {
            return None;
        }
    }
    Some(output)
}

fn position(bits: &mut Bits<'_>, positions: &Code) -> Option<usize> {
    match positions.read(bits)? {
        0 => Some(0),
        width => Some((1 << (width - 1)) + bits.take(width - 1)?),
    }
}

/// Source and target may overlap.
fn copy(output: &mut Vec<u8>, position: usize, length: usize, before: Option<u8>) -> Option<()> {
    for _ in 0..length {
        let from = output.len().checked_sub(position + 1);
        let byte = from.map_or(before, |from| output.get(from).copied());
        output.push(byte?);
    }
    Some(())
}

/// Lengths of codes in three bits, or more ones after 7; after the one at `special`, two bits tell
/// how many zeros follow.
fn read_lengths(
    bits: &mut Bits<'_>,
    (width, most): (usize, usize),
    special: Option<usize>,
) -> Option<Code> {
    let count = bits.take(width)?;
    if count == 0 {
        return Code::single(bits.take(width)?, most);
    }
    let mut lengths = Vec::with_capacity(most);
    while lengths.len() < count {
        let mut length = bits.take(3)?;
        if length == 7 {
            while bits.take(1)? == 1 {
                length += 1;
                if length > MAX_BITS {
                    return None;
                }
            }
        }
        lengths.push(length);
        if special == Some(lengths.len()) {
            lengths.resize(lengths.len() + bits.take(2)?, 0);
        }
    }
    Code::new(&lengths, most)
}

/// Lengths of the codes of symbols, themselves coded, with runs of zeros.
fn read_symbols(bits: &mut Bits<'_>, lengths: &Code) -> Option<Code> {
    let count = bits.take(9)?;
    if count == 0 {
        return Code::single(bits.take(9)?, SYMBOLS);
    }
    let mut symbols = Vec::with_capacity(SYMBOLS);
    while symbols.len() < count {
        let zeros = match lengths.read(bits)? {
            0 => 1,
            1 => bits.take(4)? + 3,
            2 => bits.take(9)? + 20,
            length => {
                symbols.push(length - 2);
                continue;
            }
        };
        symbols.resize(symbols.len() + zeros, 0);
    }
    Code::new(&symbols, SYMBOLS)
}

/// A canonical Huffman code, or a single symbol that takes no bits.
struct Code {
    /// Symbols by length and value.
    symbols: Vec<usize>,
    /// How many have each length.
    counts: [usize; MAX_BITS + 1],
    only: Option<usize>,
}

impl Code {
    fn single(symbol: usize, most: usize) -> Option<Self> {
        let code = Self { symbols: Vec::new(), counts: [0; MAX_BITS + 1], only: Some(symbol) };
        (symbol < most).then_some(code)
    }

    fn new(lengths: &[usize], most: usize) -> Option<Self> {
        if lengths.len() > most {
            return None;
        }
        let mut code = Self { symbols: Vec::new(), counts: [0; MAX_BITS + 1], only: None };
        for length in 1..=MAX_BITS {
            let these = (0..lengths.len()).filter(|&symbol| lengths[symbol] == length);
            let before = code.symbols.len();
            code.symbols.extend(these);
            code.counts[length] = code.symbols.len() - before;
        }
        Some(code)
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        if let Some(only) = self.only {
            return Some(only);
        }
        let (mut value, mut first, mut index) = (0_usize, 0_usize, 0);
        for count in self.counts.iter().skip(1) {
            value = value << 1 | bits.take(1)?;
            if value.checked_sub(first)? < *count {
                return self.symbols.get(index + value - first).copied();
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }
}

/// Bits, the highest of each byte first. A stream may be read a little beyond its end.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | usize::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}
