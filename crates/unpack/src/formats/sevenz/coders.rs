// SPDX-License-Identifier: Apache-2.0
//! The coders of a folder, from the packed to the unpacked stream.

use kakoi_model::{Problem, ProblemCode};
use liblzma::stream::{Action, Filters, Status, Stream};

use crate::codec::{self, Codec};

/// One coder. Numbers: 7-Zip, DOC/Methods.txt.
pub(super) struct Coder {
    pub(super) id: Vec<u8>,
    pub(super) properties: Vec<u8>,
    /// One input, one output, in a chain.
    pub(super) is_simple: bool,
}

/// Memory for the dictionary of one decoder: beyond this the header is not believed.
const MAX_DICTIONARY: u32 = 128 << 20;

/// Unpacks a stream of known size.
pub(super) fn decode(
    coders: &[Coder],
    packed: &[u8],
    size: usize,
    limit: usize,
    at: usize,
) -> Result<Vec<u8>, Problem> {
    let problem = |code, detail: String| Problem::new(code, at as u64, "coder").because(detail);
    let names = || coders.iter().map(|coder| hex(&coder.id)).collect::<Vec<_>>().join(" ");
    if coders.iter().any(|coder| coder.id == [0x06, 0xf1, 0x07, 0x01]) {
        return Err(problem(ProblemCode::Encrypted, "AES-256".to_owned()));
    }
    if size > limit {
        return Err(problem(ProblemCode::SizeLimit, format!("{size} bytes")));
    }
    let (last, filters) =
        coders.split_last().ok_or_else(|| problem(ProblemCode::BadValue, names()))?;
    if coders.iter().any(|coder| !coder.is_simple) {
        return Err(problem(ProblemCode::Unsupported, names()));
    }
    let plain = |codec| codec::decode(codec, packed, size).map_err(|error| error.at(at, "coder"));
    let mut content = match last.id.as_slice() {
        [0x00] => packed.to_vec(),
        [0x04, 0x01, 0x08] => plain(Codec::Deflate)?,
        [0x04, 0x02, 0x02] => plain(Codec::Bzip2)?,
        [0x03, 0x01, 0x01] | [0x21] => {
            lzma(last, packed, size).map_err(|(code, detail)| problem(code, detail))?
        }
        _ => return Err(problem(ProblemCode::Unsupported, names())),
    };
    if !filters.is_empty() {
        content = apply(filters, &content).map_err(|(code, detail)| problem(code, detail))?;
    }
    if content.len() == size {
        return Ok(content);
    }
    Err(problem(ProblemCode::BadStream, format!("{} bytes of {size}", content.len())))
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Failure = (ProblemCode, String);

fn corrupt(error: liblzma::stream::Error) -> Failure {
    (ProblemCode::BadStream, error.to_string())
}

fn lzma(coder: &Coder, packed: &[u8], size: usize) -> Result<Vec<u8>, Failure> {
    check_dictionary(coder)?;
    let mut chain = Filters::new();
    if coder.id == [0x21] {
        chain.lzma2_properties(&coder.properties).map_err(corrupt)?;
    } else {
        chain.lzma1_properties(&coder.properties).map_err(corrupt)?;
    }
    run(&chain, packed, size)
}

/// Branch filters. liblzma runs them only in front of a compressor, which here is LZMA2 with
/// chunks that are stored; it also tells them where the stream ends, which LZMA would not.
fn apply(filters: &[Coder], content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut chain = Filters::new();
    for filter in filters {
        match filter.id.as_slice() {
            [0x03, 0x03, 0x01, 0x03] => chain.x86(),
            [0x03, 0x03, 0x02, 0x05] => chain.powerpc(),
            [0x03, 0x03, 0x04, 0x01] => chain.ia64(),
            [0x03, 0x03, 0x05, 0x01] => chain.arm(),
            [0x03, 0x03, 0x07, 0x01] => chain.arm_thumb(),
            [0x03, 0x03, 0x08, 0x05] => chain.sparc(),
            [0x03] => chain.delta_properties(&filter.properties).map_err(corrupt)?,
            id => return Err((ProblemCode::Unsupported, hex(id))),
        };
    }
    // Filters and compressor: liblzma allows four.
    if filters.len() > 3 {
        return Err((ProblemCode::Unsupported, format!("{} filters", filters.len())));
    }
    chain.lzma2_properties(&[18]).map_err(corrupt)?;
    let mut stored = Vec::with_capacity(content.len() + content.len() / 0x1_0000 * 3 + 16);
    for (index, chunk) in content.chunks(0x1_0000).enumerate() {
        let length = u16::try_from(chunk.len() - 1).unwrap_or(u16::MAX).to_be_bytes();
        stored.extend([if index == 0 { 1 } else { 2 }, length[0], length[1]]);
        stored.extend_from_slice(chunk);
    }
    stored.push(0);
    run(&chain, &stored, content.len())
}

fn run(chain: &Filters, packed: &[u8], size: usize) -> Result<Vec<u8>, Failure> {
    let mut stream = Stream::new_raw_decoder(chain).map_err(corrupt)?;
    // The size is an allegation: room is made as the stream fills it.
    let mut content = Vec::with_capacity(size.min(packed.len().saturating_mul(8)).min(16 << 20));
    loop {
        if content.len() == content.capacity() {
            content.reserve(content.len().clamp(4096, 16 << 20));
        }
        let taken = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let before = (taken, content.len());
        let rest = packed.get(taken..).unwrap_or_default();
        let status = stream.process_vec(rest, &mut content, Action::Run).map_err(corrupt)?;
        let now = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        if content.len() >= size || status == Status::StreamEnd {
            content.truncate(size);
            return Ok(content);
        }
        if before == (now, content.len()) {
            return Err((ProblemCode::Truncated, format!("{} bytes of {size}", content.len())));
        }
    }
}

fn check_dictionary(coder: &Coder) -> Result<(), Failure> {
    let size = match (coder.id.as_slice(), coder.properties.as_slice()) {
        // LZMA2: two values per power of two.
        ([0x21], &[code]) if code <= 40 => {
            if code == 40 {
                u32::MAX
            } else {
                (2 | u32::from(code & 1)) << (code / 2 + 11)
            }
        }
        ([0x03, 0x01, 0x01], &[_, a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => return Err((ProblemCode::BadValue, "LZMA properties".to_owned())),
    };
    if size > MAX_DICTIONARY {
        return Err((ProblemCode::SizeLimit, format!("dictionary of {size} bytes")));
    }
    Ok(())
}
