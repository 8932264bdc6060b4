// SPDX-License-Identifier: Apache-2.0
//! `CONFIG_IKCONFIG`: a kernel that carries its own `.config`, gzip-compressed between two marks
//! (kernel/configs.c). What comes out is byte for byte what the kernel's `extract-ikconfig` prints:
//! the first stream after a mark that decompresses.

use std::io::Read;

use flate2::bufread::GzDecoder;
use memchr::memmem;

/// The opening mark and the head of a gzip member with deflate (RFC 1952 section 2.3).
const OPENING: &[u8] = b"IKCFG_ST\x1f\x8b\x08";
/// Length of the mark without the gzip head.
const MARK: usize = 8;
/// The largest Debian configuration has 310 KB; more than this is no configuration.
const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// Marks that are tried; a kernel has one.
const MAX_MARKS: usize = 16;

/// The configuration that a decompressed kernel carries, and the byte offset of its mark.
pub(super) fn find_ikconfig(content: &[u8]) -> Option<(usize, Vec<u8>)> {
    memmem::find_iter(content, OPENING).take(MAX_MARKS).find_map(|at| {
        let config = inflate(content.get(at + MARK..)?)?;
        memmem::find(&config, b"CONFIG_")?;
        Some((at, config))
    })
}

fn inflate(stream: &[u8]) -> Option<Vec<u8>> {
    let mut config = Vec::new();
    GzDecoder::new(stream).take(MAX_CONFIG_BYTES).read_to_end(&mut config).ok()?;
    Some(config)
}
