// SPDX-License-Identifier: Apache-2.0
//! The content of a file: its stretches, laid over each other in the order of their versions.

use kakoi_model::{Problem, ProblemCode};

use super::node::{Inode, checksum};
use super::rubin::{decode_dynrubin, decode_rtime, decode_rubinmips};
use crate::codec::{Codec, CodecError, LzmaProperties, decode};
use crate::formats::unix::check_file_size;
use crate::{Input, Output};

/// The LZMA that vendors patch into JFFS2: no header, lc = lp = pb = 0, dictionary of 8 KiB.
const LZMA: LzmaProperties = LzmaProperties { byte: 0, dictionary: 0x2000, length: None };

/// A page of 64 KiB is the largest stretch that a kernel writes.
const MAX_STRETCH: usize = 64 << 10;

/// Most bytes that the rubin coder gets out of one: its chances are counted in 256ths.
const MAX_RUBIN: usize = 256;

/// What is stored of a file, before compression.
pub(super) struct Assembled {
    pub(super) content: Vec<u8>,
    /// Stretches that could not be read and that no newer or older one replaces.
    pub(super) missing: Option<Problem>,
    /// Stretches that could not be read, but that others cover.
    pub(super) replaced: Vec<Problem>,
}

/// Puts a file together. `nodes` are its nodes by rising version; the last tells the size.
///
/// # Errors
/// A size that its container cannot hold.
pub(super) fn assemble_file(
    input: &Input,
    nodes: &[Inode],
    container: usize,
    output: &Output<'_>,
) -> Result<Assembled, Problem> {
    let Some(last) = nodes.last() else {
        return Ok(Assembled { content: Vec::new(), missing: None, replaced: Vec::new() });
    };
    let size = check_file_size(u64::from(last.size), container, output, last.data.start)?;
    let mut content = vec![0; size];
    let mut failed: Vec<(usize, usize, Problem)> = Vec::new();
    let mut good: Vec<(usize, usize)> = Vec::new();
    for node in nodes.iter().filter(|node| node.length > 0) {
        let start = (node.offset as usize).min(size);
        let end = start.saturating_add(node.length as usize).min(size);
        match write_stretch(input, node, &mut content[start..end]) {
            Ok(()) => good.push((start, end)),
            Err(problem) => failed.push((start, end, problem)),
        }
    }
    let (replaced, missing) = split_failures(failed, good);
    Ok(Assembled { content, missing, replaced })
}

/// The first failure that nothing covers, and those that something covers.
fn split_failures(
    failed: Vec<(usize, usize, Problem)>,
    mut good: Vec<(usize, usize)>,
) -> (Vec<Problem>, Option<Problem>) {
    good.sort_unstable();
    let (mut replaced, mut missing) = (Vec::new(), None);
    for (start, end, problem) in failed {
        let mut reached = start;
        for &(from, to) in &good {
            if from <= reached {
                reached = reached.max(to);
            }
        }
        if reached >= end {
            replaced.push(problem);
        } else {
            missing.get_or_insert(problem);
        }
    }
    (replaced, missing)
}

/// Decodes a stretch into its place, which a later truncation may have shortened.
fn write_stretch(input: &Input, node: &Inode, place: &mut [u8]) -> Result<(), Problem> {
    let stored = input.bytes(node.data.start, node.data.len(), "file data")?;
    if checksum(stored) != node.data_checksum {
        return Err(Problem::new(ProblemCode::BadChecksum, node.data.start as u64, "file data"));
    }
    // 0x01 is a hole: zeros that take no room, of any length.
    if node.compressor == 1 {
        place.fill(0);
        return Ok(());
    }
    let decoded = decode_stretch(stored, node)?;
    let decoded = decoded.as_deref().unwrap_or(stored);
    let Some(decoded) = decoded.get(..place.len()) else {
        let detail = format!("{} bytes instead of {}", decoded.len(), node.length);
        return Err(bad(node, ProblemCode::BadStream, detail));
    };
    place.copy_from_slice(decoded);
    Ok(())
}

/// None when it is stored as it is.
fn decode_stretch(stored: &[u8], node: &Inode) -> Result<Option<Vec<u8>>, Problem> {
    let length = node.length as usize;
    if length > MAX_STRETCH {
        return Err(bad(node, ProblemCode::SizeLimit, format!("{length} bytes in one node")));
    }
    let is_rubin = matches!(node.compressor, 3 | 5);
    if is_rubin && length > stored.len().saturating_mul(MAX_RUBIN) {
        return Err(bad(node, ProblemCode::BadStream, format!("{length} bytes of nothing")));
    }
    let short = || bad(node, ProblemCode::BadStream, "the stretch ends early".to_owned());
    let codec = |result: Result<Vec<u8>, CodecError>| {
        result.map(Some).map_err(|error| error.at(node.data.start, "file data"))
    };
    match node.compressor {
        0 | 4 => Ok(None),
        2 => decode_rtime(stored, length).map(Some).ok_or_else(short),
        3 => Ok(Some(decode_rubinmips(stored, length))),
        5 => decode_dynrubin(stored, length).map(Some).ok_or_else(short),
        // The node has a checksum of its own; like the kernel, the one of zlib is passed over.
        6 => codec(decode(Codec::Deflate, stored.get(2..).unwrap_or_default(), length)),
        7 => codec(decode(Codec::Lzo, stored, length)),
        8 => {
            let properties = LzmaProperties { length: Some(u64::from(node.length)), ..LZMA };
            codec(decode(Codec::Lzma(properties), stored, length))
        }
        other => Err(bad(node, ProblemCode::Unsupported, format!("compressor {other}"))),
    }
}

/// Name of a compressor, for the attribute; none for stretches that are stored as they are.
pub(super) fn name_compressor(compressor: u8) -> Option<&'static str> {
    Some(match compressor {
        2 => "rtime",
        3 => "rubinmips",
        5 => "dynrubin",
        6 => "zlib",
        7 => "lzo",
        8 => "lzma",
        _ => return None,
    })
}

fn bad(node: &Inode, code: ProblemCode, detail: String) -> Problem {
    Problem::new(code, node.data.start as u64, "file data").because(detail)
}
