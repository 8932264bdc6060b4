// SPDX-License-Identifier: Apache-2.0
//! QNAP's firmware: a gzip stream whose beginning is encrypted with a stream cipher of 16-bit
//! arithmetic (a relative of PC1), and a footer with the version.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Qnap;

static DOC: FormatDoc = FormatDoc {
    name: "qnap",
    title: "QNAP firmware",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::new(b"\xf5\x7b\x47\x03")],
    reads: "images for NAS devices; the beginning is decrypted, the rest is as it is",
    limits: "images for switches have other keys and no fixed beginning",
    references: &["gist.github.com/ulidtko/966277a465f1856109b2d2674dcee741 (facts only)"],
};

/// Magic, length, device, version, date, revision.
const FOOTER: usize = 74;

const SECRET: &[u8; 14] = b"QNAPNASVERSION";

fn footer(input: &Input, start: usize) -> Result<usize, Problem> {
    let last = input.places(b"icpnas").iter().copied().filter(|at| *at > start).max();
    last.filter(|at| at + FOOTER <= input.len())
        .ok_or_else(|| Problem::new(ProblemCode::Truncated, start as u64, "footer"))
}

impl Format for Qnap {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let footer = footer(input, start)?;
        let encrypted = input.size32(footer + 6, Endian::Little, "encrypted length")?;
        let texts = input.bytes(footer + 10, FOOTER - 10, "footer")?;
        if encrypted > footer - start
            || !texts.iter().all(|&byte| byte == 0 || (0x20..0x7f).contains(&byte))
        {
            return Err(Refusal("footer"));
        }
        Ok(Claim { start, end: footer + FOOTER, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let footer = footer(input, claim.start)?;
        for (key, at) in [("device", 10), ("version", 26), ("date", 42), ("revision", 58)] {
            output.attribute(key, printable(input.bytes(footer + at, 16, key)?));
        }
        let bytes = input.bytes(claim.start, footer - claim.start, "image")?;
        if bytes.len() > output.content_limit() {
            return Err(Problem::new(ProblemCode::SizeLimit, claim.start as u64, "image"));
        }
        let encrypted = input.size32(footer + 6, Endian::Little, "encrypted length")?;
        let (encrypted, plain) = bytes.split_at(encrypted.min(bytes.len()));
        let mut cipher = Cipher::new(SECRET);
        let mut image: Vec<u8> = encrypted.iter().map(|&byte| cipher.decrypt(byte)).collect();
        image.extend_from_slice(plain);
        output.payload("image", image.into())
    }
}

/// The key has as many pairs of bytes as the state has steps.
const STEPS: usize = SECRET.len() / 2;

struct Cipher {
    /// For each value that the plain bytes so far xor to, the numbers of all steps.
    tables: Vec<[(u16, u16); STEPS]>,
    mixed: u8,
    first: u16,
    second: u16,
}

impl Cipher {
    fn new(secret: &[u8; 2 * STEPS]) -> Self {
        let tables = (0..=255).map(|mixed| table(secret, mixed)).collect();
        Self { tables, mixed: 0, first: 0, second: 0 }
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let mut key = 0;
        for (step, &(product, state)) in self.tables[usize::from(self.mixed)].iter().enumerate() {
            let sum = self.second.wrapping_add(step as u16).wrapping_mul(0x4e35);
            self.second = product.wrapping_add(self.first).wrapping_add(sum);
            self.first = product;
            key ^= state ^ self.second;
        }
        let plain = byte ^ (key >> 8) as u8 ^ key as u8;
        self.mixed ^= plain;
        plain
    }
}

fn table(secret: &[u8; 2 * STEPS], mixed: u8) -> [(u16, u16); STEPS] {
    let mut state = 0_u16;
    let mut rows = [(0, 0); STEPS];
    for (row, pair) in rows.iter_mut().zip(secret.chunks_exact(2)) {
        let [high, low] = [pair[0] ^ mixed, pair[1] ^ mixed];
        // Bytes from 0x80 on count from -0x101 up: they were signed, and one less.
        let high = if high < 0x80 { u16::from(high) } else { u16::from(high).wrapping_sub(0x101) };
        let word = (high << 8).wrapping_add(u16::from(low));
        let input = state ^ word;
        state = input.wrapping_mul(0x4e35).wrapping_add(1);
        *row = (input.wrapping_mul(0x15a), state);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_all_images_is_that_of_gzip() {
        let mut cipher = Cipher::new(SECRET);
        let plain = [0xf5, 0x7b, 0x47, 0x03].map(|byte| cipher.decrypt(byte));
        assert_eq!(plain, [0x1f, 0x8b, 0x08, 0x00]);
    }
}
