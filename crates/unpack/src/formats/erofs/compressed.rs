// SPDX-License-Identifier: Apache-2.0
//! Decodes the extents of compressed files.

use kakoi_model::{Problem, ProblemCode};

use crate::Input;
use crate::codec::{Codec, CodecError, LzmaProperties, decode_block, decode_lz4_prefix};

use super::index::{Extent, FRAGMENT, Header, INLINE, INTERLACED, Index, Stored};
use super::inode::{Inode, Layout};
use super::{Superblock, ZERO_PADDING};

/// Appends a stretch of the packed inode: offset and length.
pub(super) type ReadPacked<'r> = dyn FnMut(u64, usize, &mut Vec<u8>) -> Result<(), Problem> + 'r;

/// The content of a compressed file.
pub(super) fn read_compressed(
    input: &Input,
    superblock: &Superblock,
    inode: &Inode,
    packed: &mut ReadPacked<'_>,
) -> Result<Vec<u8>, Problem> {
    let header = Header::parse(input, superblock, inode)?;
    let mut content = Vec::new();
    if header.packed {
        packed(header.fragment, inode.size, &mut content)?;
        return Ok(content);
    }
    let index = Index::parse(input, superblock, inode, &header)?;
    let reader = Reader { input, superblock, header: &header };
    let last = index.extents.len().saturating_sub(1);
    for (number, extent) in index.extents.iter().enumerate() {
        let next = index.extents.get(number + 1).map_or(inode.size, |next| next.start);
        let length = next.min(inode.size).saturating_sub(extent.start);
        if number == last && header.advise & FRAGMENT != 0 {
            // Full indexes keep the upper half of the offset in place of a block.
            let high = match inode.layout {
                Layout::CompressedFull => (extent.block as u64) << 32,
                _ => 0,
            };
            packed(high | header.fragment, length, &mut content)?;
        } else if number == last && header.advise & INLINE != 0 {
            reader.extent(extent, index.end, header.inline, length, &mut content)?;
        } else {
            let at = superblock.block(extent.block);
            reader.extent(extent, at, extent.length, length, &mut content)?;
        }
    }
    Ok(content)
}

struct Reader<'a> {
    input: &'a Input,
    superblock: &'a Superblock,
    header: &'a Header,
}

impl Reader<'_> {
    /// Appends the `length` decoded bytes of an extent that is stored in `stored` bytes at `at`.
    fn extent(
        &self,
        extent: &Extent,
        at: usize,
        stored: usize,
        length: usize,
        content: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        // The last cluster of an image may be cut.
        let available = self.input.len().saturating_sub(at).min(stored);
        let bytes = self.input.bytes(at, available, "cluster")?;
        let before = content.len();
        match extent.stored {
            Stored::Plain => self.plain(bytes, extent.start, length, content),
            Stored::Compressed(algorithm) => {
                let bytes = self.strip(bytes);
                let result = decode(algorithm, bytes, length, content);
                result.map_err(|error| match error {
                    Some(error) => error.at(at, "cluster"),
                    None => Problem::new(ProblemCode::Unsupported, at as u64, "algorithm")
                        .because(algorithm.to_string()),
                })?;
            }
        }
        if content.len() - before == length {
            return Ok(());
        }
        let detail = format!("{} bytes instead of {length}", content.len() - before);
        Err(Problem::new(ProblemCode::BadStream, at as u64, "cluster").because(detail))
    }

    fn strip<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        if self.superblock.features & ZERO_PADDING == 0 {
            return bytes;
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        &bytes[zeros..]
    }

    /// Stored as it is: from the start of the cluster, or, interlaced, at the place in the block
    /// that it has in the file, around the block's end.
    fn plain(&self, bytes: &[u8], start: usize, length: usize, content: &mut Vec<u8>) {
        let size = self.superblock.block_size();
        if self.header.advise & INTERLACED == 0 || bytes.len() < size {
            content.extend_from_slice(&bytes[..length.min(bytes.len())]);
            return;
        }
        let offset = start % size;
        let first = length.min(size - offset);
        content.extend_from_slice(&bytes[offset..offset + first]);
        content.extend_from_slice(&bytes[..(length - first).min(offset)]);
    }
}

/// Algorithms by their numbers in `h_algorithmtype`. `Err(None)`: no such algorithm.
fn decode(
    algorithm: u8,
    bytes: &[u8],
    length: usize,
    content: &mut Vec<u8>,
) -> Result<(), Option<CodecError>> {
    let before = content.len();
    let result = match algorithm {
        0 => match decode_block(Codec::Lz4Block, bytes, length, content) {
            Ok(decoded) if decoded == length => Ok(()),
            // The block goes on behind what this extent uses, or padding follows it.
            _ => {
                content.truncate(before);
                decode_lz4_prefix(bytes, length, content)
            }
        },
        1 => micro_lzma(bytes, length, content),
        2 => decode_block(Codec::Deflate, bytes, length, content).map(drop),
        3 => decode_block(Codec::Zstd, bytes, length, content).map(drop),
        _ => return Err(None),
    };
    // What was decoded up to the limit is all that an extent which shares its cluster needs.
    content.truncate(before + length);
    match result {
        Err(error) if content.len() - before < length => Err(Some(error)),
        _ => Ok(()),
    }
}

/// MicroLZMA: the first byte of the stream, always 0, is replaced by the inverted property byte.
fn micro_lzma(bytes: &[u8], length: usize, content: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut stream = bytes.to_vec();
    let Some(first) = stream.first_mut() else {
        return Err(CodecError::corrupt("empty cluster"));
    };
    let byte = !std::mem::take(first);
    let dictionary = u32::try_from(length).unwrap_or(u32::MAX);
    let codec = Codec::Lzma(LzmaProperties { byte, dictionary, length: None });
    decode_block(codec, &stream, length, content).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn text() -> Vec<u8> {
        b"kakoi kakoi kakoi kakoi\n".repeat(300)
    }

    /// What `mkfs.erofs` writes: a stream without its header, its first byte the inverted
    /// properties.
    fn micro_lzma_of(text: &[u8]) -> Vec<u8> {
        let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
        let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
        let mut encoded = Vec::new();
        let mut encoder = liblzma::bufread::XzEncoder::new_stream(text, stream);
        encoder.read_to_end(&mut encoded).unwrap();
        let properties = encoded[0];
        let mut stream = encoded.split_off(13);
        stream[0] = !properties;
        stream
    }

    #[test]
    fn each_algorithm_is_decoded_to_the_length_of_its_extent() {
        let text = text();
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        deflate.write_all(&text).unwrap();
        let clusters = [
            (0, lz4_flex::block::compress(&text)),
            (1, micro_lzma_of(&text)),
            (2, deflate.finish().unwrap()),
            (3, zstd::bulk::compress(&text, 3).unwrap()),
        ];
        for (algorithm, cluster) in clusters {
            let mut content = b"before".to_vec();
            decode(algorithm, &cluster, text.len(), &mut content).unwrap();
            assert_eq!(content, [b"before", &text[..]].concat(), "algorithm {algorithm}");
        }
        assert_eq!(decode(4, b"", 1, &mut Vec::new()), Err(None));
    }

    #[test]
    fn an_extent_may_use_only_the_first_bytes_of_a_cluster() {
        let text = text();
        for (algorithm, cluster) in
            [(0, lz4_flex::block::compress(&text)), (1, micro_lzma_of(&text))]
        {
            let mut content = Vec::new();
            decode(algorithm, &cluster, 1000, &mut content).unwrap();
            assert_eq!(content, text[..1000], "algorithm {algorithm}");
        }
    }
}
