// SPDX-License-Identifier: Apache-2.0
//! Sparse images: the blocks of a partition without those that are one value or do not matter.

use std::io::Write;

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::LITTLE;
use crate::formats::stream::keep;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope, Spool};

/// The format.
pub(in crate::formats) struct AndroidSparse;

static DOC: FormatDoc = FormatDoc {
    name: "android-sparse",
    title: "Android sparse image",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x3a\xff\x26\xed\x01\0")],
    reads: "raw, fill, don't-care and checksum chunks",
    limits: "checksums are not checked; an image that grows by more than a thousand times is refused",
    references: &["Android system/core/libsparse/sparse_format.h (facts only)"],
};

/// Least output that is allowed, whatever the size of the input.
const ALWAYS_ALLOWED: usize = 64 << 20;

struct Header {
    length: usize,
    chunk_header: usize,
    block: usize,
    blocks: usize,
    chunks: usize,
}

impl Format for AndroidSparse {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start)?;
        let sane = header.length >= 28
            && header.chunk_header >= 12
            && (512..=1 << 20).contains(&header.block)
            && header.block % 4 == 0
            && header.chunks > 0;
        if !sane {
            return Err(Refusal("header fields"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse(input, claim.start)?;
        output.attribute("block-size", header.block);
        let size = header.block.saturating_mul(header.blocks);
        let allowed = ALWAYS_ALLOWED.max(input.len().saturating_mul(1024));
        if size > allowed.min(output.content_limit()) {
            let problem = Problem::new(ProblemCode::SizeLimit, claim.start as u64, "image");
            return Err(problem.because(format!("{size} bytes")));
        }
        let mut spool = output.spool();
        let mut at = claim.start + header.length;
        let mut result = Ok(());
        for _ in 0..header.chunks {
            match chunk(input, at, &header, size, &mut spool) {
                Ok(next) => at = next,
                Err(problem) => {
                    result = Err(problem);
                    break;
                }
            }
        }
        if spool.is_empty() {
            return result;
        }
        output.ends_at(if result.is_ok() { at } else { input.len() });
        keep(spool, "image", claim.start, output)?;
        result
    }
}

fn parse(input: &Input, start: usize) -> Result<Header, Problem> {
    Ok(Header {
        length: input.u16(start + 8, LITTLE, "length of the header")?.into(),
        chunk_header: input.u16(start + 10, LITTLE, "length of chunk headers")?.into(),
        block: input.size32(start + 12, LITTLE, "block size")?,
        blocks: input.size32(start + 16, LITTLE, "blocks")?,
        chunks: input.size32(start + 20, LITTLE, "chunks")?,
    })
}

/// Writes one chunk and returns where the next begins.
fn chunk(
    input: &Input,
    at: usize,
    header: &Header,
    size: usize,
    spool: &mut Spool<'_>,
) -> Result<usize, Problem> {
    let bad = |subject: &'static str| Problem::new(ProblemCode::BadValue, at as u64, subject);
    let kind = input.u16(at, LITTLE, "chunk type")?;
    let blocks = input.size32(at + 4, LITTLE, "blocks of a chunk")?;
    let total = input.size32(at + 8, LITTLE, "length of a chunk")?;
    let length = blocks.saturating_mul(header.block);
    let room = size.saturating_sub(spool.len());
    let data = at + header.chunk_header;
    let stored = total.checked_sub(header.chunk_header).ok_or_else(|| bad("length of a chunk"))?;
    if kind != CHECKSUM && length > room {
        return Err(bad("blocks of a chunk"));
    }
    let refused = |error: std::io::Error| {
        Problem::new(ProblemCode::SizeLimit, at as u64, "image").because(error.to_string())
    };
    match kind {
        RAW if stored == length => {
            spool.write_all(input.bytes(data, length, "chunk")?).map_err(refused)?;
        }
        FILL if stored == 4 => {
            let value: [u8; 4] = input.array(data, "fill value")?;
            let block = value.repeat(header.block / 4);
            for _ in 0..blocks {
                spool.write_all(&block).map_err(refused)?;
            }
        }
        DO_NOT_CARE => {
            let block = vec![0; header.block];
            for _ in 0..blocks {
                spool.write_all(&block).map_err(refused)?;
            }
        }
        CHECKSUM => {}
        _ => return Err(bad("chunk type")),
    }
    Ok(at.saturating_add(total))
}

const RAW: u16 = 0xcac1;
const FILL: u16 = 0xcac2;
const DO_NOT_CARE: u16 = 0xcac3;
const CHECKSUM: u16 = 0xcac4;
