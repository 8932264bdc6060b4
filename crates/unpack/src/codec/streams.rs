// SPDX-License-Identifier: Apache-2.0
//! Deflate in its three wrappings, bzip2, Zstandard: maintained libraries, one pump.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};

use flate2::{Decompress, FlushDecompress, Status};

use super::{CodecError, CodecFailure};

pub(super) fn gzip(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut decoder = flate2::bufread::GzDecoder::new(input);
    let result = pump(&mut decoder, output);
    result.map_err(|error| error.after(input.len() - decoder.get_ref().len()))?;
    Ok(input.len() - decoder.into_inner().len())
}

pub(super) fn zlib(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut decoder = flate2::bufread::ZlibDecoder::new(input);
    let result = pump(&mut decoder, output);
    result.map_err(|error| error.after(input.len() - decoder.get_ref().len()))?;
    Ok(input.len() - decoder.into_inner().len())
}

pub(super) fn deflate(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut decoder = flate2::bufread::DeflateDecoder::new(input);
    let result = pump(&mut decoder, output);
    result.map_err(|error| error.after(input.len() - decoder.get_ref().len()))?;
    Ok(input.len() - decoder.into_inner().len())
}

pub(super) fn bzip2(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let mut decoder = bzip2::bufread::BzDecoder::new(input);
    let result = pump(&mut decoder, output);
    result.map_err(|error| error.after(input.len() - decoder.get_ref().len()))?;
    Ok(input.len() - decoder.into_inner().len())
}

pub(super) fn zstd(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let frame = input.get(skippable(input)..).unwrap_or_default();
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame)?.single_frame();
    pump(&mut decoder, output)?;
    let consumed = input.len() - decoder.finish().fill_buf()?.len();
    Ok(consumed + skippable(input.get(consumed..).unwrap_or_default()))
}

/// Length of the skippable frames at the start of these bytes (RFC 8878, section 3.1.2): parallel
/// compressors put one before each frame.
pub(crate) fn skippable(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some([a, b, c, d, size @ ..]) = bytes.get(length..).and_then(<[u8]>::first_chunk::<8>)
    {
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        let end = length.saturating_add(8).saturating_add(size);
        if !matches!([*a, *b, *c, *d], [0x50..=0x5f, 0x2a, 0x4d, 0x18]) || end > bytes.len() {
            break;
        }
        length = end;
    }
    length
}

/// Moves everything from a decoder to the output.
pub(super) fn pump(decoder: &mut dyn Read, output: &mut dyn Write) -> Result<(), CodecError> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => output.write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Blocks of file systems are not larger; room for one is filled with zeros first.
const WHOLE: usize = 1 << 20;

thread_local! {
    // Their tables are larger than most blocks, so each thread keeps one.
    static INFLATE: RefCell<libdeflater::Decompressor> = RefCell::default();
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One deflate block, straight into the vector: by a decoder that takes whole blocks only and needs
/// half the time; what it refuses, by the one that keeps what comes before the damage.
pub(super) fn inflate_block(
    zlib_header: bool,
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), CodecError> {
    if limit <= WHOLE && inflate_whole(zlib_header, input, limit, output) {
        return Ok(());
    }
    inflate_part(zlib_header, input, limit, output)
}

/// Says whether it was done; if not, the output is as before.
fn inflate_whole(zlib_header: bool, input: &[u8], limit: usize, output: &mut Vec<u8>) -> bool {
    let before = output.len();
    output.resize(before + limit, 0);
    let room = output.get_mut(before..).unwrap_or_default();
    let length = INFLATE.with_borrow_mut(|decoder| {
        if zlib_header {
            decoder.zlib_decompress(input, room)
        } else {
            decoder.deflate_decompress(input, room)
        }
    });
    output.truncate(before + length.as_ref().copied().unwrap_or(0));
    length.is_ok()
}

fn inflate_part(
    zlib_header: bool,
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut decoder = Decompress::new(zlib_header);
    output.reserve_exact(limit);
    let room = output.len() + limit;
    loop {
        let rest = input.get(usize::try_from(decoder.total_in()).unwrap_or(usize::MAX)..);
        let before = (decoder.total_in(), output.len());
        let status = decoder
            .decompress_vec(rest.unwrap_or_default(), output, FlushDecompress::Finish)
            .map_err(CodecError::corrupt)?;
        match status {
            Status::StreamEnd if output.len() <= room => return Ok(()),
            Status::StreamEnd => return Err(CodecError::over(limit)),
            Status::Ok | Status::BufError if output.len() >= room => {
                return Err(CodecError::over(limit));
            }
            Status::Ok | Status::BufError if before == (decoder.total_in(), output.len()) => {
                return Err(CodecError::new(CodecFailure::Truncated, "deflate stream ends early"));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

pub(super) fn zstd_block(
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let block = ZSTD.with_borrow_mut(|kept| {
        let mut decompressor = match kept.take() {
            Some(decompressor) => decompressor,
            None => zstd::bulk::Decompressor::new()?,
        };
        let block = decompressor.decompress(input, limit).map_err(CodecError::corrupt);
        *kept = Some(decompressor);
        block
    })?;
    output.extend_from_slice(&block);
    Ok(())
}
