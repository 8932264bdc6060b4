// SPDX-License-Identifier: Apache-2.0
//! Decodes blocks, whatever the vendor did to the compressor.
//!
//! Version 4 names its compressor, the others mean zlib; but vendors put LZMA under the same names,
//! with its header cut to various lengths. So the methods that can be told from the first bytes of a
//! block are tried in turn, the last one that worked first. Only LZMA without a header cannot be
//! told: its parameters are searched for once.

use crate::codec::{Codec, CodecError, CodecFailure, LzmaProperties, decode_block};

/// One way to decode a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Plain(Codec),
    Lzma(LzmaHeader),
}

/// Where an LZMA stream has its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LzmaHeader {
    /// Property byte, dictionary size, then perhaps a length: this many bytes.
    Inline(usize),
    /// DD-WRT: `pb`, `lc`, `lp` and the encoder's "fast bytes", a byte each.
    FourBytes,
    /// Nowhere: this property byte, after so many bytes of no known use.
    Fixed(u8, usize),
}

/// `lc = 3, lp = 0, pb = 2`: what LZMA encoders take unless told otherwise.
const USUAL_PROPERTIES: u8 = 0x5d;

/// Property bytes go up to `(4 * 5 + 4) * 9 + 8`.
const MAX_PROPERTIES: u8 = 224;

/// How often the parameters of headerless LZMA are searched for before giving up.
const SEARCHES: usize = 2;

/// Bytes that vendors leave in front of a headerless stream.
const SKIPS: [usize; 5] = [0, 4, 5, 9, 13];

const LZMA: [Method; 5] = [
    Method::Lzma(LzmaHeader::Inline(13)),
    Method::Lzma(LzmaHeader::Inline(5)),
    Method::Lzma(LzmaHeader::Inline(9)),
    Method::Lzma(LzmaHeader::FourBytes),
    Method::Lzma(LzmaHeader::Fixed(USUAL_PROPERTIES, 0)),
];

/// Decodes the blocks of one file system.
#[derive(Clone)]
pub(super) struct Decoder {
    /// The method that worked last comes first.
    methods: Vec<Method>,
    /// Did any method work?
    known: bool,
    searches: usize,
}

impl Decoder {
    /// For a compressor number of version 4, or for an earlier version, which has none.
    pub(super) fn new(compressor: Option<u16>) -> Self {
        let mut methods = Vec::new();
        match compressor {
            Some(2) => methods.extend(LZMA),
            Some(3) => methods.push(Method::Plain(Codec::Lzo)),
            Some(4) => methods.push(Method::Plain(Codec::Xz)),
            Some(5) => methods.push(Method::Plain(Codec::Lz4Block)),
            Some(6) => methods.push(Method::Plain(Codec::Zstd)),
            _ => {}
        }
        let others = [Codec::Zlib, Codec::Xz, Codec::Zstd].map(Method::Plain);
        for method in others.into_iter().chain(LZMA) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Self { methods, known: false, searches: SEARCHES }
    }

    /// The method of the last block, once one was decoded.
    pub(super) fn method(&self) -> Option<Method> {
        self.methods.first().copied().filter(|_| self.known)
    }

    /// Appends the block to `output`: exactly `limit` bytes if `exact`, else at most.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        limit: usize,
        length: Length,
        output: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let mut first_error = None;
        for index in 0..self.methods.len() {
            match self.methods[index].decode(block, limit, length, output) {
                Ok(()) => {
                    self.methods[..=index].rotate_right(1);
                    self.known = true;
                    return Ok(());
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        if !self.known && self.search(block, limit, length, output) {
            return Ok(());
        }
        Err(first_error.unwrap_or_else(|| CodecError::corrupt("no method decodes it")))
    }

    fn search(&mut self, block: &[u8], limit: usize, length: Length, output: &mut Vec<u8>) -> bool {
        let Some(searches) = self.searches.checked_sub(1) else { return false };
        self.searches = searches;
        let all = SKIPS.iter().flat_map(|&skip| {
            (0..=MAX_PROPERTIES).map(move |byte| Method::Lzma(LzmaHeader::Fixed(byte, skip)))
        });
        let found =
            all.into_iter().find(|method| method.decode(block, limit, length, output).is_ok());
        self.methods.splice(0..0, found);
        self.known = found.is_some();
        self.known
    }
}

/// Is the length of a block after decoding known?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It fills the limit.
    Exact,
    /// It may be shorter.
    UpTo,
}

impl Method {
    /// As the superblock names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain(Codec::Zlib) => "gzip",
            Self::Plain(codec) => codec.name(),
            Self::Lzma(_) => "lzma",
        }
    }

    /// What is unusual about the header of LZMA blocks.
    pub(super) fn header(self) -> Option<String> {
        match self {
            Self::Plain(_) => None,
            Self::Lzma(LzmaHeader::Inline(length)) => Some(format!("{length} bytes")),
            Self::Lzma(LzmaHeader::FourBytes) => Some("pb, lc, lp, fb".to_owned()),
            Self::Lzma(LzmaHeader::Fixed(byte, skip)) => {
                let (lc, lp, pb) = (byte % 9, byte / 9 % 5, byte / 45);
                Some(format!("none; lc={lc} lp={lp} pb={pb} at {skip}"))
            }
        }
    }

    /// Leaves `output` as it was, if it does not work.
    fn decode(
        self,
        block: &[u8],
        limit: usize,
        length: Length,
        output: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let start = output.len();
        let (codec, stream) = self.prepare(block, limit)?;
        let result = decode_block(codec, stream, limit, output).and_then(|decoded| {
            if decoded == limit || (length == Length::UpTo && decoded > 0) {
                return Ok(());
            }
            let detail = format!("decodes to {decoded} bytes instead of {limit}");
            Err(CodecError::new(CodecFailure::Truncated, detail))
        });
        if result.is_err() {
            output.truncate(start);
        }
        result
    }

    /// The codec and its stream, if the first bytes do not speak against it.
    fn prepare(self, block: &[u8], limit: usize) -> Result<(Codec, &[u8]), CodecError> {
        let other = || CodecError::corrupt("not a block of this compressor");
        match self {
            Self::Plain(Codec::Xz) if !block.starts_with(b"\xfd7zXZ\0") => Err(other()),
            Self::Plain(codec) => Ok((codec, block)),
            Self::Lzma(header) => {
                let (byte, stream) = header.split(block).ok_or_else(other)?;
                let lc_lp = byte % 9 + byte / 9 % 5;
                // The range coder's first byte is always 0; liblzma allows lc + lp up to 4.
                if byte > MAX_PROPERTIES || lc_lp > 4 || stream.first() != Some(&0) {
                    return Err(other());
                }
                let dictionary = u32::try_from(limit).unwrap_or(u32::MAX);
                let properties = LzmaProperties { byte, dictionary, length: None };
                Ok((Codec::Lzma(properties), stream))
            }
        }
    }
}

impl LzmaHeader {
    /// Property byte and stream.
    fn split(self, block: &[u8]) -> Option<(u8, &[u8])> {
        match self {
            Self::Inline(length) => Some((*block.first()?, block.get(length..)?)),
            Self::FourBytes => {
                let (&[pb, lc, lp, _], stream) = block.split_first_chunk::<4>()?;
                let valid = pb <= 4 && lc <= 8 && lp <= 4;
                valid.then(|| ((pb * 5 + lp) * 9 + lc, stream))
            }
            Self::Fixed(byte, skip) => Some((byte, block.get(skip..)?)),
        }
    }
}
