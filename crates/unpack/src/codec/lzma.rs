// SPDX-License-Identifier: Apache-2.0
//! LZMA in its wrappings, by liblzma. Vendors put the header elsewhere or leave fields out; all of
//! those forms are decoded by writing the 13-byte header of a .lzma file in front.

use std::io::Write;

use liblzma::stream::{Action, Error, Status, Stream};

use super::{CodecError, CodecFailure, streams};

/// Memory for one decoder; dictionaries of firmware are at most 8 MiB, xz -9 uses 64 MiB.
const MEMORY_LIMIT: u64 = 160 << 20;

/// Larger dictionaries than this are never needed for what fits in a firmware; the field often
/// holds nonsense.
const MAX_DICTIONARY: u32 = 128 << 20;

/// Header of a .lzma file.
const HEADER: usize = 13;

/// The parameters of an LZMA stream whose header lies elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LzmaProperties {
    /// `(pb * 5 + lp) * 9 + lc`.
    pub byte: u8,
    /// Dictionary size in bytes.
    pub dictionary: u32,
    /// Length of the output, where it is known.
    pub length: Option<u64>,
}

impl LzmaProperties {
    fn header(self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[0] = self.byte;
        header[1..5].copy_from_slice(&self.dictionary.clamp(4096, MAX_DICTIONARY).to_le_bytes());
        header[5..].copy_from_slice(&self.length.unwrap_or(u64::MAX).to_le_bytes());
        header
    }
}

pub(super) fn xz(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let stream = Stream::new_stream_decoder(MEMORY_LIMIT, 0).map_err(failure)?;
    let mut decoder = liblzma::bufread::XzDecoder::new_stream(input, stream);
    let result = streams::pump(&mut decoder, output);
    result.map_err(|error| error.after(input.len() - decoder.get_ref().len()))?;
    Ok(input.len() - decoder.into_inner().len())
}

pub(super) fn alone(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let short = || CodecError::new(CodecFailure::Truncated, "header of 13 bytes");
    let (header, stream) = input.split_first_chunk::<HEADER>().ok_or_else(short)?;
    let [byte, d0, d1, d2, d3, length @ ..] = *header;
    let length = u64::from_le_bytes(length);
    let properties = LzmaProperties {
        byte,
        dictionary: u32::from_le_bytes([d0, d1, d2, d3]),
        length: (length != u64::MAX).then_some(length),
    };
    raw(properties, stream, output).map(|consumed| consumed + HEADER)
}

/// One member of a .lz file: a 6-byte header, a stream with an end marker, a 20-byte trailer
/// (lzip manual, "File format").
pub(super) fn lzip(input: &[u8], output: &mut dyn Write) -> Result<usize, CodecError> {
    let short = || CodecError::new(CodecFailure::Truncated, "lzip member");
    let coded = *input.get(5).ok_or_else(short)?;
    let base = 1_u32 << (coded & 0x1f).min(29);
    let dictionary = base - (base / 16) * u32::from(coded >> 5);
    let properties = LzmaProperties { byte: LZIP_PROPERTIES, dictionary, length: None };
    let mut summed = Summed { output, crc: crc32fast::Hasher::new(), length: 0 };
    let stream = input.get(6..).unwrap_or_default();
    let taken = raw(properties, stream, &mut summed).map_err(|e| {
        let consumed = e.consumed + 6;
        e.after(consumed)
    })?;
    let trailer = stream.get(taken..).and_then(|rest| rest.first_chunk::<20>());
    let [c0, c1, c2, c3, l0, l1, l2, l3, l4, l5, l6, l7, ..] = *trailer.ok_or_else(short)?;
    let length = u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]);
    if u32::from_le_bytes([c0, c1, c2, c3]) != summed.crc.finalize() || length != summed.length {
        return Err(CodecError::corrupt("checksum or length of the member").after(6 + taken + 20));
    }
    Ok(6 + taken + 20)
}

/// lc 3, lp 0, pb 2: the only ones that lzip uses.
const LZIP_PROPERTIES: u8 = 0x5d;

/// Passes bytes on and sums them up.
struct Summed<'a> {
    output: &'a mut dyn Write,
    crc: crc32fast::Hasher,
    length: u64,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.output.write_all(bytes)?;
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

/// A stream of unknown length without an end marker ends where its input does.
pub(super) fn raw(
    properties: LzmaProperties,
    input: &[u8],
    output: &mut dyn Write,
) -> Result<usize, CodecError> {
    let mut stream = Stream::new_lzma_decoder(MEMORY_LIMIT).map_err(failure)?;
    let mut buffer = Vec::with_capacity(256 << 10);
    stream.process_vec(&properties.header(), &mut buffer, Action::Run).map_err(failure)?;
    loop {
        buffer.clear();
        let consumed = usize::try_from(stream.total_in()).unwrap_or(usize::MAX) - HEADER;
        let rest = input.get(consumed..).unwrap_or_default();
        let status = stream.process_vec(rest, &mut buffer, Action::Run);
        output.write_all(&buffer)?;
        let now = usize::try_from(stream.total_in()).unwrap_or(usize::MAX) - HEADER;
        match status.map_err(|error| failure(error).after(now))? {
            Status::StreamEnd => return Ok(now),
            _ if !buffer.is_empty() || now > consumed => {}
            _ if properties.length.is_none() && stream.total_out() > 0 => return Ok(now),
            _ => return Err(CodecError::new(CodecFailure::Truncated, "LZMA stream ends early")),
        }
    }
}

/// What may follow the last byte of output in the input: the rest of the range coder, an end
/// marker, padding to a few bytes.
const TRAILER: usize = 32;

/// One LZMA stream that fills `input`, straight into the vector. A stream without an end marker
/// ends where its input does or where the limit is reached; only what was decoded up to there
/// counts.
pub(super) fn block(
    properties: LzmaProperties,
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut stream = Stream::new_lzma_decoder(MEMORY_LIMIT).map_err(failure)?;
    let status = fill(&mut stream, &properties.header(), input, limit, output)?;
    let known = properties.length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let decoded = usize::try_from(stream.total_out()).unwrap_or(usize::MAX);
    if status == Status::StreamEnd {
        return Ok(());
    }
    let consumed = usize::try_from(stream.total_in()).unwrap_or(usize::MAX) - HEADER;
    if decoded == limit && input.len().saturating_sub(consumed) > TRAILER {
        return Err(CodecError::over(limit));
    }
    if decoded == limit || (known.is_none() && decoded > 0) {
        return Ok(());
    }
    Err(CodecError::new(CodecFailure::Truncated, "LZMA stream ends early"))
}

/// One .xz stream that fills `input`, straight into the vector.
pub(super) fn xz_block(input: &[u8], limit: usize, output: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut stream = Stream::new_stream_decoder(MEMORY_LIMIT, 0).map_err(failure)?;
    match fill(&mut stream, &[], input, limit, output)? {
        Status::StreamEnd => Ok(()),
        _ if stream.total_out() == limit as u64 => Err(CodecError::over(limit)),
        _ => Err(CodecError::new(CodecFailure::Truncated, "xz stream ends early")),
    }
}

/// Decodes `header` and `input` until the stream ends, the output has `limit` bytes, or nothing
/// moves any more.
fn fill(
    stream: &mut Stream,
    header: &[u8],
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<Status, CodecError> {
    let start = output.len();
    output.resize(start.saturating_add(limit), 0);
    let count = |total: u64| usize::try_from(total).unwrap_or(usize::MAX);
    let result = loop {
        let place = (stream.total_in(), stream.total_out());
        let rest = match header.get(count(place.0)..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => input.get(count(place.0) - header.len()..).unwrap_or_default(),
        };
        let room = output.get_mut(start.saturating_add(count(place.1))..).unwrap_or_default();
        match stream.process(rest, room, Action::Run) {
            Ok(Status::Ok) if place != (stream.total_in(), stream.total_out()) => {}
            other => break other,
        }
    };
    output.truncate(start.saturating_add(count(stream.total_out())));
    result.map_err(failure)
}

fn failure(error: Error) -> CodecError {
    CodecError::corrupt(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, decode, decode_into};

    /// `printf 'kakoi kakoi kakoi kakoi\n' | xz --format=lzma`, made by liblzma itself.
    fn encoded(text: &[u8]) -> Vec<u8> {
        let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
        let mut encoder = liblzma::bufread::XzEncoder::new_stream(
            text,
            Stream::new_lzma_encoder(&options).unwrap(),
        );
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut encoder, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_stream_is_decoded_with_its_header_in_place_or_elsewhere() {
        let text = b"kakoi kakoi kakoi kakoi\n".repeat(100);
        let bytes = encoded(&text);
        assert_eq!(decode(Codec::LzmaAlone, &bytes, 1 << 20).unwrap(), text);
        let length = Some(text.len() as u64);
        let elsewhere = LzmaProperties { byte: bytes[0], dictionary: 1 << 16, length };
        assert_eq!(decode(Codec::Lzma(elsewhere), &bytes[13..], 1 << 20).unwrap(), text);
        let unknown = LzmaProperties { length: None, ..elsewhere };
        assert_eq!(decode(Codec::Lzma(unknown), &bytes[13..], 1 << 20).unwrap(), text);
    }

    #[test]
    fn the_limit_holds_and_a_cut_stream_is_truncated() {
        let text = vec![7; 100_000];
        let bytes = encoded(&text);
        assert_eq!(decode(Codec::LzmaAlone, &bytes, 99_999).unwrap_err().kind, CodecFailure::Limit);
        let known = LzmaProperties { byte: bytes[0], dictionary: 1 << 16, length: Some(100_000) };
        let cut = &bytes[13..bytes.len() - 12];
        let mut output = Vec::new();
        let error = decode_into(Codec::Lzma(known), cut, &mut output).unwrap_err();
        assert_eq!(error.kind, CodecFailure::Truncated);
    }

    #[test]
    fn a_block_stops_at_its_end_and_one_that_goes_on_is_refused() {
        let text: Vec<u8> =
            (0..40_000_u32).flat_map(|number| (number * number).to_le_bytes()).collect();
        let bytes = encoded(&text);
        let properties = LzmaProperties { byte: bytes[0], dictionary: 1 << 20, length: None };
        let mut output = Vec::new();
        block(properties, &bytes[13..], text.len(), &mut output).unwrap();
        assert_eq!(output, text);
        let error = block(properties, &bytes[13..], text.len() / 2, &mut output).unwrap_err();
        assert_eq!(error.kind, CodecFailure::Limit);
        assert_eq!(output[text.len()..], text[..text.len() / 2]);
    }

    #[test]
    fn a_huge_dictionary_field_does_not_take_memory() {
        let mut bytes = encoded(b"small");
        bytes[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(Codec::LzmaAlone, &bytes, 100).unwrap(), b"small");
    }
}
