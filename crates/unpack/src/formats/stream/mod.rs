// SPDX-License-Identifier: Apache-2.0
//! Formats that are one compressed stream: a check of the header, a codec, and common rules for
//! what is kept of a damaged one.

use std::io::{self, Write};

use kakoi_model::{Confidence, Problem, ProblemCode};

use crate::codec::{Codec, CodecError, CodecFailure, decode_into};
use crate::{Claim, Format, FormatDoc, Input, Output, Refusal, Spool};

mod bzip2;
mod compress;
mod gzip;
mod lz4;
mod lzip;
mod lzma;
mod lzop;
mod xz;
mod zlib;
mod zstd;

pub(super) use bzip2::BZIP2;
pub(super) use compress::COMPRESS;
pub(super) use gzip::GZIP;
pub(super) use lz4::{LZ4, LZ4_LEGACY};
pub(super) use lzip::LZIP;
pub(super) use lzma::LZMA;
pub(super) use lzop::LZOP;
pub(super) use xz::XZ;
pub(super) use zlib::ZLIB;
pub(super) use zstd::ZSTD;

/// Name of the content when the stream records none.
const PAYLOAD: &[u8] = b"payload";

/// Output that a stream from the middle of a content must have given before an error, to be taken
/// for one: noise decodes for a while, too.
const MIN_CARVED: usize = 16 << 10;

/// Zeros between two streams of one content.
const MAX_PADDING: usize = 512;

/// A format that is one stream, or several in a row.
pub(super) struct Stream {
    doc: &'static FormatDoc,
    codec: Codec,
    /// Is the header, at the start of these bytes, one of this format? Cheap.
    check: fn(&[u8]) -> bool,
    /// What a complete stream proves.
    proof: Confidence,
    /// May streams follow each other, their contents being one?
    chain: Chain,
    /// The file name that the header records.
    name: fn(&[u8]) -> Option<Vec<u8>>,
}

/// How streams may follow each other.
enum Chain {
    /// Not.
    Single,
    /// At once.
    Adjacent,
    /// At once, or after a multiple of this many zeros.
    Padded(usize),
}

impl Format for Stream {
    fn doc(&self) -> &'static FormatDoc {
        self.doc
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !(self.check)(input.tail(start)) {
            return Err(Refusal("not a header of this stream"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Magic })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut spool = output.spool();
        let mut at = claim.start;
        let mut result = Ok(());
        while result.is_ok() && (at == claim.start || self.continues(input, at)) {
            match decode_into(self.codec, input.tail(at), &mut spool) {
                Ok(consumed) => at = self.next(input, at + consumed.max(1)),
                Err(error) => result = Err(error),
            }
        }
        if let Err(error) = &result {
            let found = judge(error, claim.start, spool.len());
            output.ends_at(end_of_damaged(error, input, at));
            output.reached = at.saturating_add(error.consumed);
            if found == Damaged::Bomb {
                output.confirm(Confidence::Structure);
            }
            if found != Damaged::Kept {
                return result.map_err(|error| error.at(at, self.doc.title));
            }
        } else {
            output.ends_at(at + appended_size(input.tail(at), spool.len()));
            output.confirm(self.proof);
        }
        let name = (self.name)(input.tail(claim.start)).unwrap_or_else(|| PAYLOAD.to_vec());
        keep(spool, name, at, output)?;
        result.map_err(|error| error.at(at, self.doc.title))
    }
}

/// Streams that kernels are compressed with.
const KERNEL_STREAMS: [&Stream; 7] = [&GZIP, &XZ, &BZIP2, &LZMA, &LZOP, &LZ4_LEGACY, &ZSTD];

/// The stream that begins with these bytes.
pub(super) fn find_stream(bytes: &[u8]) -> Option<&'static Stream> {
    KERNEL_STREAMS.into_iter().find(|stream| (stream.check)(bytes))
}

/// Where streams may begin, in order.
pub(super) fn find_candidates(bytes: &[u8]) -> Vec<(usize, &'static Stream)> {
    let mut found = Vec::new();
    for stream in KERNEL_STREAMS {
        for magic in stream.doc.magics {
            let places = memchr::memmem::find_iter(bytes, magic.bytes);
            let headers = places.filter(|&at| (stream.check)(&bytes[at..]));
            found.extend(headers.map(|at| (at, stream)));
        }
    }
    found.sort_by_key(|&(at, _)| at);
    found
}

impl Stream {
    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// Does one begin with these bytes?
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        (self.check)(bytes)
    }

    fn continues(&self, input: &Input, at: usize) -> bool {
        !matches!(self.chain, Chain::Single) && (self.check)(input.tail(at))
    }

    /// Where the next stream of the chain begins, or where this one ended.
    fn next(&self, input: &Input, end: usize) -> usize {
        let unit = match self.chain {
            Chain::Single => return end,
            Chain::Adjacent => usize::MAX,
            Chain::Padded(unit) => unit,
        };
        // Longer padding is that of a flash image, and what follows it something else.
        let padding = input.tail(end).iter().take(MAX_PADDING);
        let zeros = padding.take_while(|&&byte| byte == 0).count();
        let next = end + zeros / unit * unit;
        if (self.check)(input.tail(next)) { next } else { end }
    }
}

/// What to do with a stream that failed.
#[derive(PartialEq)]
enum Damaged {
    /// Keep what it gave: it is a stream, and the rest is missing.
    Kept,
    /// It gives more than the limit; nothing of it is kept.
    Bomb,
    /// Noise that looked like a header.
    Noise,
}

fn judge(error: &CodecError, start: usize, given: usize) -> Damaged {
    let least = if start == 0 { 1 } else { MIN_CARVED };
    match error.kind {
        CodecFailure::Limit => Damaged::Bomb,
        _ if given >= least => Damaged::Kept,
        _ => Damaged::Noise,
    }
}

/// A stream that was cut takes all there is; one that went wrong, up to that place, so that what
/// follows is looked at again.
fn end_of_damaged(error: &CodecError, input: &Input, at: usize) -> usize {
    match error.kind {
        CodecFailure::Corrupt if error.consumed > 0 => at.saturating_add(error.consumed),
        _ => input.len(),
    }
}

/// The kernel's build appends the length of the content to streams that do not record it
/// (scripts/Makefile.lib, `size_append`).
fn appended_size(rest: &[u8], length: usize) -> usize {
    let size = rest.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    if size.is_some_and(|size| size as usize == length) { 4 } else { 0 }
}

/// Hands a decoded stream to the output.
pub(super) fn keep(
    spool: Spool<'_>,
    name: impl AsRef<[u8]>,
    at: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let content = spool.finish().map_err(|error| {
        Problem::new(ProblemCode::SizeLimit, at as u64, "stream").because(error.to_string())
    })?;
    output.payload(name, content)
}

/// No file name is recorded.
fn unnamed(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// The last part of a recorded file name, if it can be one.
fn base_name(name: &[u8]) -> Option<Vec<u8>> {
    let name = name.rsplit(|&byte| byte == b'/').next()?;
    let usable = !name.is_empty() && name.len() < 256 && name != b"." && name != b"..";
    usable.then(|| name.to_vec())
}

/// Input bytes that [`begins_well`] gives to the decoder.
const TRIAL: usize = 512;

/// Does the stream decode for as long as its first bytes reach? For headers that are too weak to
/// be believed.
pub(super) fn begins_well(codec: Codec, bytes: &[u8]) -> bool {
    let trial = bytes.get(..TRIAL).unwrap_or(bytes);
    match decode_into(codec, trial, &mut Nowhere(0)) {
        Ok(_) => true,
        Err(error) => match error.kind {
            CodecFailure::Limit => true,
            CodecFailure::Truncated => bytes.len() > TRIAL,
            CodecFailure::Corrupt => false,
        },
    }
}

/// Forgets what it is given, up to a limit.
struct Nowhere(usize);

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > MIN_CARVED {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use kakoi_model::FileKind;

    use crate::{Limits, NoJournal, Store, unpack_image};

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Format, offset and size of all containers, and the sizes of all files.
    fn shape(image: Vec<u8>) -> (Vec<(String, u64, u64)>, Vec<u64>) {
        let found = unpack_image(image.into(), &Store::in_memory(), &Limits::default(), &NoJournal);
        let containers = found.containers.iter();
        let containers = containers.map(|c| (c.format.clone(), c.offset, c.size)).collect();
        let files = found.files.iter().filter(|file| matches!(file.kind, FileKind::Regular { .. }));
        (containers, files.map(kakoi_model::File::size).collect())
    }

    #[test]
    fn streams_with_padding_between_are_two_contents() {
        let (first, second) = (gzip(b"kernel"), gzip(b"a ramdisk"));
        let (one, two) = (first.len() as u64, second.len() as u64);
        let padded = [&first[..], &[0; 100], &second].concat();
        let wanted = vec![("gzip".to_owned(), 0, one), ("gzip".to_owned(), one + 100, two)];
        assert_eq!(shape(padded), (wanted, vec![6, 9]));
        let adjacent = [&first[..], &second].concat();
        assert_eq!(shape(adjacent), (vec![("gzip".to_owned(), 0, one + two)], vec![15]));
    }

    #[test]
    fn the_size_that_the_build_of_the_kernel_appends_belongs_to_the_stream() {
        let stream = gzip(b"kernel");
        let image = [&stream[..], &6_u32.to_le_bytes(), b"not it"].concat();
        let end = stream.len() as u64 + 4;
        assert_eq!(shape(image).0, [("gzip".to_owned(), 0, end)]);
    }

    #[test]
    fn what_follows_a_damaged_stream_is_still_found() {
        // Not compressible, so that damage shows in the checksum only.
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let mut damaged = gzip(&noise.take(60_000).collect::<Vec<u8>>());
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let image = [&damaged[..], b"between", &gzip(b"whole")].concat();
        let (containers, sizes) = shape(image);
        assert_eq!(containers.len(), 2);
        assert_eq!(sizes.last(), Some(&5));
    }
}
