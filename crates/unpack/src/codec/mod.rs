// SPDX-License-Identifier: Apache-2.0
//! Decoders, behind one signature: bytes in, bytes out, a limit that holds, and an error that says
//! how far it came. File systems decode blocks with [`decode`]; formats that are one stream write
//! to a [`Spool`](crate::Spool) with [`decode_into`].

use std::fmt;
use std::io::{self, Write};

pub(crate) mod cipher;
mod compress;
mod lz4;
mod lzma;
mod lzop;
mod streams;

pub(crate) use lzop::parse_header as lzop_header;
pub(crate) use streams::skippable;

pub use lzma::LzmaProperties;

/// Compression methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// RFC 1952, one member.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951.
    Deflate,
    /// bzip2, one stream.
    Bzip2,
    /// The .xz file format, one stream.
    Xz,
    /// The .lzma file format: properties, dictionary size, length (or unknown), stream.
    LzmaAlone,
    /// An LZMA stream whose header lies elsewhere.
    Lzma(LzmaProperties),
    /// LZO1X, one block.
    Lzo,
    /// LZ4, one block.
    Lz4Block,
    /// The LZ4 frame format, one frame.
    Lz4Frame,
    /// The legacy LZ4 frame of the Linux kernel's build.
    Lz4Legacy,
    /// Zstandard (RFC 8878), one frame.
    Zstd,
    /// The file format of lzop: blocks of LZO1X with checksums.
    Lzop,
    /// The file format of lzip, one member.
    Lzip,
    /// The file format of compress(1): LZW.
    Compress,
}

impl Codec {
    /// Name as in the attribute `compression`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::LzmaAlone | Self::Lzma(_) => "lzma",
            Self::Lzo | Self::Lzop => "lzo",
            Self::Lzip => "lzip",
            Self::Compress => "lzw",
            Self::Lz4Block | Self::Lz4Frame | Self::Lz4Legacy => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Why a stream did not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError {
    /// What kind of failure.
    pub kind: CodecFailure,
    /// The decoder's own words.
    pub detail: String,
    /// Input bytes taken before the failure, where the decoder tells; else 0.
    pub consumed: usize,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecFailure {
    /// The input ends before the stream does.
    Truncated,
    /// The input is not a stream of this kind, or damaged.
    Corrupt,
    /// The output would be longer than the limit.
    Limit,
}

/// Why a decoder was stopped.
pub(crate) const NO_ROOM: &str = "no room: max-content, max-output or max-ratio is reached";

impl CodecError {
    pub(crate) fn new(kind: CodecFailure, detail: impl fmt::Display) -> Self {
        Self { kind, detail: detail.to_string(), consumed: 0 }
    }

    pub(crate) fn after(mut self, consumed: usize) -> Self {
        self.consumed = consumed;
        self
    }

    /// More came out than there is room for: what a content may have, and what is left for all.
    pub(crate) fn over(room: usize) -> Self {
        Self::new(CodecFailure::Limit, format_args!("more than {room} bytes; {NO_ROOM}"))
    }

    pub(crate) fn corrupt(detail: impl fmt::Display) -> Self {
        Self::new(CodecFailure::Corrupt, detail)
    }

    /// The problem to report for a stream at `offset`.
    #[must_use]
    pub fn at(self, offset: usize, subject: &'static str) -> kakoi_model::Problem {
        use kakoi_model::ProblemCode::{BadStream, SizeLimit, Truncated};
        let code = match self.kind {
            CodecFailure::Truncated => Truncated,
            CodecFailure::Corrupt => BadStream,
            CodecFailure::Limit => SizeLimit,
        };
        kakoi_model::Problem::new(code, offset as u64, subject).because(self.detail)
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for CodecError {}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::UnexpectedEof => CodecFailure::Truncated,
            io::ErrorKind::FileTooLarge => CodecFailure::Limit,
            _ => CodecFailure::Corrupt,
        };
        Self::new(kind, error)
    }
}

/// Decodes one stream from the start of `input` and writes it to `output`, which may refuse more
/// with [`io::ErrorKind::FileTooLarge`]. Returns how many input bytes the stream took. What was
/// decoded before an error has been written.
///
/// # Errors
/// See [`CodecFailure`].
pub fn decode_into(
    codec: Codec,
    input: &[u8],
    output: &mut dyn Write,
) -> Result<usize, CodecError> {
    match codec {
        Codec::Gzip => streams::gzip(input, output),
        Codec::Zlib => streams::zlib(input, output),
        Codec::Deflate => streams::deflate(input, output),
        Codec::Bzip2 => streams::bzip2(input, output),
        Codec::Xz => lzma::xz(input, output),
        Codec::LzmaAlone => lzma::alone(input, output),
        Codec::Lzma(properties) => lzma::raw(properties, input, output),
        Codec::Lz4Frame => lz4::frame(input, output),
        Codec::Lz4Legacy => lz4::legacy(input, output),
        Codec::Zstd => streams::zstd(input, output),
        Codec::Lzop => lzop::decode(input, output),
        Codec::Lzip => lzma::lzip(input, output),
        Codec::Compress => compress::decode(input, output),
        Codec::Lzo | Codec::Lz4Block => {
            let block = decode(codec, input, MAX_BLOCK)?;
            output.write_all(&block)?;
            Ok(input.len())
        }
    }
}

/// Largest block that a file system or archive may have: squashfs allows 1 MiB, lzop 64 MiB.
const MAX_BLOCK: usize = 64 << 20;

/// Decodes one block that fills `input`; the output is at most `limit` bytes.
///
/// # Errors
/// See [`CodecFailure`]; a block that would be longer than `limit` is an error.
pub fn decode(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut output = Vec::new();
    decode_block(codec, input, limit, &mut output)?;
    Ok(output)
}

/// Decodes one block that fills `input` and appends it to `output`: at most `limit` bytes. Returns
/// how many were appended; what was decoded before an error stays.
///
/// # Errors
/// See [`CodecFailure`]; a block that would be longer than `limit` is an error.
pub fn decode_block(
    codec: Codec,
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<usize, CodecError> {
    let before = output.len();
    match codec {
        Codec::Lzo => lz4::lzo(input, limit, output)?,
        Codec::Lz4Block => lz4::block(input, limit, output)?,
        Codec::Zlib => streams::inflate_block(true, input, limit, output)?,
        Codec::Deflate => streams::inflate_block(false, input, limit, output)?,
        Codec::Zstd => streams::zstd_block(input, limit, output)?,
        Codec::Xz => lzma::xz_block(input, limit, output)?,
        Codec::Lzma(properties) => lzma::block(properties, input, limit, output)?,
        _ => {
            decode_into(codec, input, &mut Bounded { output, left: limit })?;
        }
    }
    Ok(output.len() - before)
}

/// Appends the first `limit` bytes of an LZ4 block to `output`, whatever follows it in `input`.
///
/// # Errors
/// When the block is damaged or shorter; what was decoded before stays.
pub(crate) fn decode_lz4_prefix(
    input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<(), CodecError> {
    lz4::prefix(input, limit, output)
}

/// Appends to a vector, and refuses to append more than what is left.
struct Bounded<'a> {
    output: &'a mut Vec<u8>,
    left: usize,
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, NO_ROOM));
        };
        self.output.extend_from_slice(bytes);
        self.left = left;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
