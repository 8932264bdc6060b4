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

/// The first `limit` bytes of a block, whatever follows in the input: erofs cuts blocks and does
/// not record their length. Fewer bytes are an error.
pub(super) fn prefix(input: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), CodecError> {
    let room = output.len() + limit;
    let mut at = 0;
    while output.len() < room {
        let token = take(input, &mut at)?;
        let literals = length(input, &mut at, token >> 4)?.min(room - output.len());
        let bytes = input.get(at..at + literals).ok_or_else(ends_early)?;
        output.extend_from_slice(bytes);
        at += literals;
        if output.len() == room {
            break;
        }
        let distance = usize::from(take(input, &mut at)?) | usize::from(take(input, &mut at)?) << 8;
        let matched = length(input, &mut at, token & 15)?.saturating_add(4);
        copy_match(output, distance, matched.min(room - output.len()))?;
    }
    Ok(())
}

fn take(input: &[u8], at: &mut usize) -> Result<u8, CodecError> {
    let byte = input.get(*at).copied().ok_or_else(ends_early)?;
    *at += 1;
    Ok(byte)
}

/// A length whose first four bits are in the token.
fn length(input: &[u8], at: &mut usize, start: u8) -> Result<usize, CodecError> {
    let mut length = usize::from(start);
    if start == 15 {
        loop {
            let byte = take(input, at)?;
            length += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    Ok(length)
}

fn copy_match(output: &mut Vec<u8>, distance: usize, mut left: usize) -> Result<(), CodecError> {
    let start = output.len().checked_sub(distance).filter(|_| distance > 0);
    let start = start.ok_or_else(|| CodecError::corrupt("match before the start"))?;
    while left > 0 {
        // A match may reach into what it copies.
        let step = left.min(output.len() - start);
        output.extend_from_within(start..start + step);
        left -= step;
    }
    Ok(())
}

fn ends_early() -> CodecError {
    CodecError::new(CodecFailure::Truncated, "LZ4 block ends early")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_of_a_block_is_decoded_and_what_follows_is_ignored() {
        let text = b"kakoi kakoi kakoi! ".repeat(50);
        let mut bytes = lz4_flex::block::compress(&text);
        let mut output = b"before".to_vec();
        prefix(&bytes, 333, &mut output).unwrap();
        assert_eq!(output, [b"before", &text[..333]].concat());
        bytes.extend([0xff; 40]);
        output.clear();
        prefix(&bytes, text.len(), &mut output).unwrap();
        assert_eq!(output, text);
        assert!(prefix(&bytes[..10], text.len(), &mut Vec::new()).is_err());
    }
}
