// SPDX-License-Identifier: Apache-2.0
//! The two old compressors that only JFFS2 has: rtime, and the rubin arithmetic coder with fixed
//! (`rubinmips`) or stored (`dynrubin`) probabilities. Described by `fs/jffs2/compr_rtime.c` and
//! `compr_rubin.c` of Linux.

/// Decodes rtime: each byte is followed by how many bytes to repeat from where that byte stood
/// last. None when the input ends early.
pub(super) fn decode_rtime(input: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut last = [0_usize; 256];
    let mut output = Vec::with_capacity(length.min(1 << 20));
    let mut pairs = input.chunks_exact(2);
    while output.len() < length {
        let &[value, repeat] = pairs.next()? else { return None };
        output.push(value);
        let from = std::mem::replace(&mut last[usize::from(value)], output.len());
        let repeat = usize::from(repeat).min(length - output.len());
        for at in from..from + repeat {
            output.push(*output.get(at)?);
        }
    }
    Some(output)
}

/// Chance of a 0 in each bit of a byte, out of [`MIPS_DIVIDER`] (trained on MIPS code).
const MIPS_BITS: [u32; 8] = [277, 249, 290, 267, 229, 341, 212, 241];

/// What [`MIPS_BITS`] counts out of.
const MIPS_DIVIDER: u32 = 1043;

/// What stored probabilities count out of.
const STORED_DIVIDER: u32 = 256;

/// Decodes `rubinmips`. Reading past the end gives zeros, as the coder leaves them out.
pub(super) fn decode_rubinmips(input: &[u8], length: usize) -> Vec<u8> {
    Rubin::new(input, MIPS_DIVIDER, MIPS_BITS).decode(length)
}

/// Decodes `dynrubin`: eight probabilities come first.
pub(super) fn decode_dynrubin(input: &[u8], length: usize) -> Option<Vec<u8>> {
    let (bits, input) = input.split_first_chunk::<8>()?;
    Some(Rubin::new(input, STORED_DIVIDER, bits.map(u32::from)).decode(length))
}

/// Registers have 16 bits; the interval is renormalised when its top bit is settled.
const UPPER: u32 = 1 << 15;

struct Rubin<'a> {
    input: &'a [u8],
    at: usize,
    width: u32,
    low: u32,
    code: u32,
    divider: u32,
    ones: [u32; 8],
}

impl<'a> Rubin<'a> {
    fn new(input: &'a [u8], divider: u32, ones: [u32; 8]) -> Self {
        let mut rubin = Self { input, at: 0, width: 2 * UPPER, low: 0, code: 0, divider, ones };
        for _ in 0..16 {
            rubin.code = (rubin.code << 1) | rubin.pull();
        }
        rubin
    }

    fn decode(mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (0..8).fold(0, |byte, bit| byte | (self.bit(bit) << bit))).collect()
    }

    fn pull(&mut self) -> u32 {
        let byte = self.input.get(self.at / 8).copied().unwrap_or(0);
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        u32::from(bit)
    }

    fn bit(&mut self, position: usize) -> u8 {
        while self.low >= UPPER || self.low + self.width <= UPPER {
            self.low = (self.low & (UPPER - 1)) << 1;
            self.width = (self.width << 1).min(2 * UPPER);
            self.code = ((self.code & (UPPER - 1)) << 1) | self.pull();
        }
        let zeros = self.divider.saturating_sub(self.ones[position]);
        let split = (zeros * self.width / self.divider).clamp(1, self.width.max(2) - 1);
        if self.code >= self.low + split {
            self.low += split;
            self.width = self.width.saturating_sub(split).max(1);
            1
        } else {
            self.width = split;
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coder, for the test: the inverse of [`Rubin`].
    fn encode(text: &[u8], divider: u32, ones: [u32; 8]) -> Vec<u8> {
        let (mut low, mut width, mut bits) = (0_u32, 2 * UPPER, Vec::new());
        for bit in text.iter().flat_map(|byte| (0..8).map(move |bit| (bit, (byte >> bit) & 1))) {
            while low >= UPPER || low + width <= UPPER {
                bits.push(u8::from(low & UPPER != 0));
                low = (low & (UPPER - 1)) << 1;
                width <<= 1;
            }
            let split = ((divider - ones[bit.0]) * width / divider).clamp(1, width - 1);
            if bit.1 == 0 {
                width = split;
            } else {
                width -= split;
                low += split;
            }
        }
        bits.extend((0..16).map(|bit| ((low >> (15 - bit)) & 1) as u8));
        bits.resize(bits.len().next_multiple_of(8), 0);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |all, bit| (all << 1) | bit)).collect()
    }

    #[test]
    fn rubin_decodes_what_its_coder_writes() {
        let text: Vec<u8> = (0..3000_u32).map(|n| ((n * n) >> 7) as u8 & 0x5f).collect();
        let coded = encode(&text, MIPS_DIVIDER, MIPS_BITS);
        assert_eq!(decode_rubinmips(&coded, text.len()), text);
        let stored = [100, 30, 200, 128, 90, 1, 60, 7];
        let mut dynamic: Vec<u8> = stored.to_vec();
        dynamic.extend(encode(&text, STORED_DIVIDER, stored.map(u32::from)));
        assert_eq!(decode_dynrubin(&dynamic, text.len()).unwrap(), text);
    }

    #[test]
    fn rtime_repeats_from_where_the_byte_stood_last() {
        let coded = [b'a', 0, b'b', 0, b'a', 4, b'c', 0];
        assert_eq!(decode_rtime(&coded, 8).unwrap(), b"abababac"[..].to_vec());
        assert_eq!(decode_rtime(&coded, 9), None);
    }

    #[test]
    fn any_bytes_decode_without_panic() {
        let noise: Vec<u8> =
            (0..400_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for start in 0..300 {
            decode_dynrubin(&noise[start..], 500);
            decode_rubinmips(&noise[start..], 500);
            decode_rtime(&noise[start..], 500);
        }
    }
}
