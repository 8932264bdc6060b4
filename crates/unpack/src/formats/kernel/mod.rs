// SPDX-License-Identifier: Apache-2.0
//! Kernels that unpack themselves: each yields the kernel proper as `vmlinux`.

use std::ops::Range;

use kakoi_model::{Problem, ProblemCode};

use super::stream::{self, Stream};
use crate::codec::{CodecFailure, decode_into};
use crate::{Input, Output};

mod bzimage;
mod ikconfig;
mod zboot;
mod zimage;

pub(super) use bzimage::BzImage;
pub(super) use ikconfig::IkConfig;
pub(super) use zboot::EfiZboot;
pub(super) use zimage::ZImage;

/// Name of the unpacked kernel.
const VMLINUX: &str = "vmlinux";

/// No kernel is smaller; what decodes to less is something else.
const MIN_KERNEL: usize = 64 << 10;

/// Compressed streams that are tried in one image: the decompressor's own tables hold magics, too.
const MAX_TRIALS: usize = 64;

/// Yields the kernel whose compressed stream begins at `at`.
fn yield_stream(
    input: &Input,
    at: usize,
    end: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let bytes = input.as_slice().get(at..end.min(input.len())).unwrap_or_default();
    let Some(stream) = stream::find_stream(bytes) else {
        let problem = Problem::new(ProblemCode::Unsupported, at as u64, "payload");
        return Err(problem.because("no known compression"));
    };
    if decode(stream, bytes, at, output)? {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::BadStream, at as u64, "payload"))
}

/// Searches a range for the compressed kernel, and yields it.
fn search_stream(
    input: &Input,
    range: Range<usize>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let end = range.end.min(input.len());
    let bytes = input.as_slice().get(range.start..end).unwrap_or_default();
    let candidates = stream::find_candidates(bytes);
    for (at, stream) in candidates.into_iter().take(MAX_TRIALS) {
        if decode(stream, &bytes[at..], range.start + at, output)? {
            return Ok(());
        }
    }
    let problem = Problem::new(ProblemCode::BadStream, range.start as u64, "payload");
    Err(problem.because("no compressed kernel found"))
}

/// Was it a kernel? One that was cut is kept as far as it goes.
fn decode(
    stream: &Stream,
    bytes: &[u8],
    at: usize,
    output: &mut Output<'_>,
) -> Result<bool, Problem> {
    let mut spool = output.spool();
    let result = decode_into(stream.codec(), bytes, &mut spool);
    if spool.len() < MIN_KERNEL {
        return Ok(false);
    }
    match result {
        Err(error) if error.kind == CodecFailure::Limit => return Err(error.at(at, "payload")),
        Err(error) => output.problem(error.at(at, "payload")),
        Ok(_) => {}
    }
    output.attribute("compression", stream.codec().name());
    stream::keep(spool, VMLINUX, at, output)?;
    Ok(true)
}
