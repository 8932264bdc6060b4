// SPDX-License-Identifier: Apache-2.0
//! LZ4 in its three wrappings, and LZO1X.

use std::io::Write;

use super::{CodecError, CodecFailure, streams};

/// Size of a block before compression in the legacy frame (lz4 doc, "Legacy frame").
const LEGACY_BLOCK: usize = 8 << 20;

pub(super) fn block(input: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = output.len();
    output.resize(start + limit, 0);
    let result = lz4_flex::block::decompress_into(input, &mut output[start..]);
    output.truncate(start + result.as_ref().copied().unwrap_or(0));
    result.map(|_| ()).map_err(CodecError::corrupt)
}

pub(super) fn lzo(input: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = output.len();
    output.resize(start + limit, 0);
    let result = lzo::decompress_into(input, &mut output[start..]);
    output.truncate(start + result.as_ref().copied().unwrap_or(0));
    result.map(|_| ()).map_err(CodecError::corrupt)
}

pub(super) fn frame(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut rest = input;
    let mut decoder = lz4_flex::frame::FrameDecoder::new(&mut rest);
    streams::pump(&mut decoder, output)?;
    drop(decoder);
    Ok(input.len() - rest.len())
}

/// Legacy frame: magic, then blocks of a 32-bit length and that many bytes, to the end of the
/// input, to the next magic, or to a length that is no length. The kernel's build appends the
/// size of the kernel, which such a length is.
pub(super) fn legacy(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut at = 4;
    let mut decoded = Vec::new();
    while let Some(length) = block_length(input, at) {
        let Some(bytes) = input.get(at + 4..at + 4 + length) else { break };
        decoded.clear();
        match block(bytes, LEGACY_BLOCK, &mut decoded) {
            Ok(()) => output.write_all(&decoded)?,
            Err(error) if at == 4 => return Err(error),
            Err(_) => break,
        }
        at += 4 + length;
        if decoded.len() < LEGACY_BLOCK {
            return Ok(at);
        }
    }
    if at == 4 {
        return Err(CodecError::new(CodecFailure::Truncated, "no whole block"));
    }
    Ok(at)
}

fn block_length(input: &[u8], at: usize) -> Option<usize> {
    let length = u32::from_le_bytes(input.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize;
    // An incompressible block grows by 1/255 and 16 bytes (lz4.h, LZ4_COMPRESSBOUND).
    (length > 0 && length <= LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16).then_some(length)
}
