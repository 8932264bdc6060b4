// SPDX-License-Identifier: Apache-2.0
//! Buffalo's encrypted firmware: a header with product and version, and an image, each encrypted
//! with a stream cipher that is RC4 with a state of any size.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Buffalo;

static DOC: FormatDoc = FormatDoc {
    name: "buffalo",
    title: "Buffalo encrypted firmware",
    family: Family::Header,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"start\0"), Magic::new(b"asar1\0")],
    reads: "the published key; states of 256 bytes and of the size of the image; the checksum is \
            checked",
    limits: "other keys are reported as encrypted",
    references: &["OpenWrt tools/firmware-utils/src/buffalo-lib.c (facts only)"],
};

const BIG: Endian = Endian::Big;

const KEY: &[u8] = b"Buffalo";

/// Magic and seed.
const PREFIX: usize = 7;

struct Header {
    product: Vec<u8>,
    version: Vec<u8>,
    /// Seed of the image: the first encrypted byte of the version.
    seed: u8,
    long: bool,
    data: usize,
    size: usize,
}

/// The fields of the header, if they decrypt to text.
fn read(input: &Input, start: usize) -> Result<Header, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, start as u64, subject);
    let magic = input.bytes(start, 6, "magic")?;
    if magic != b"start\0" && magic != b"asar1\0" {
        return Err(bad("magic"));
    }
    let product_length = input.size32(start + PREFIX, BIG, "length of the product")?;
    if !(2..=32).contains(&product_length) {
        return Err(bad("length of the product"));
    }
    let at = start + PREFIX + 4;
    let product = input.bytes(at, product_length, "product")?;
    let version_length = input.size32(at + product_length, BIG, "length of the version")?;
    if !(2..=8).contains(&version_length) {
        return Err(bad("length of the version"));
    }
    let at = at + product_length + 4;
    let version = input.bytes(at, version_length, "version")?;
    let size = input.size32(at + version_length, BIG, "length of the image")?;
    let seed = input.u8(start + 6, "seed")?;
    for long in [false, true] {
        let [name, number] = [(seed, product), (product[0], version)]
            .map(|(seed, bytes)| Cipher::new(seed, long, bytes.len()).apply(bytes));
        if is_text(&name) && is_text(&number) {
            let (data, seed) = (at + version_length + 4, version[0]);
            return Ok(Header { product: name, version: number, seed, long, data, size });
        }
    }
    Err(bad("product"))
}

/// Text that ends with NUL.
fn is_text(bytes: &[u8]) -> bool {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    !text.is_empty() && text.len() < bytes.len() && text.iter().all(|b| (0x20..0x7f).contains(b))
}

impl Format for Buffalo {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = read(input, start)?;
        let end = header.data.saturating_add(header.size).saturating_add(4);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = read(input, claim.start)?;
        output.attribute("product", printable(&header.product));
        output.attribute("version", printable(&header.version));
        let bytes = input.bytes(header.data, header.size, "image")?;
        if bytes.len() > output.content_limit() {
            return Err(Problem::new(ProblemCode::SizeLimit, header.data as u64, "image"));
        }
        let end = header.data + header.size;
        let recorded = input.u32(end, BIG, "checksum")?;
        let image = Cipher::new(header.seed, header.long, bytes.len()).apply(bytes);
        if sum(&image) == recorded {
            output.confirm(Confidence::Checksum);
        } else {
            output.problem(Problem::new(ProblemCode::BadChecksum, end as u64, "image"));
        }
        output.payload("image", image.into())
    }
}

struct Cipher {
    state: Vec<u8>,
}

impl Cipher {
    fn new(seed: u8, long: bool, length: usize) -> Self {
        let size = if long { length } else { 256 };
        let mut state: Vec<u8> = (0..size).map(|index| index as u8).collect();
        let key = std::iter::once(seed).chain(KEY.iter().copied());
        let key: Vec<u8> = key.collect();
        let mut other = 0;
        for (index, &key) in (0..size).zip(key.iter().cycle()) {
            other = (other + usize::from(key) + usize::from(state[index])) % size;
            state.swap(index, other);
        }
        Self { state }
    }

    /// The indices have eight bits, whatever the size of the state.
    fn apply(mut self, bytes: &[u8]) -> Vec<u8> {
        let size = self.state.len().max(1);
        let (mut first, mut second) = (0_usize, 0_usize);
        let next = |&byte: &u8| {
            first = ((first + 1) % size) & 0xff;
            second = ((second + usize::from(self.state[first])) % size) & 0xff;
            self.state.swap(first, second);
            let sum = usize::from(self.state[first]) + usize::from(self.state[second]);
            byte ^ self.state[sum % size]
        };
        bytes.iter().map(next).collect()
    }
}

/// CRC-32 that begins with the length and takes bytes as signed numbers.
fn sum(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(
            index as u32,
            |sum, _| {
                if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
            },
        )
    });
    bytes.iter().fold(bytes.len() as u32, |sum, &byte| {
        let sum = sum ^ i32::from(byte as i8) as u32;
        table[(sum & 0xff) as usize] ^ sum >> 8
    })
}
