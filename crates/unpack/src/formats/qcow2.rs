// SPDX-License-Identifier: Apache-2.0
//! qcow2, the disk image of QEMU (`docs/interop/qcow2.rst` there). All fields are big-endian.

use std::io::{Cursor, Write};

use kakoi_model::Endian::Big;
use kakoi_model::{Confidence, Problem, ProblemCode};

use super::unix::check_file_size;
use crate::codec::{Codec, decode_into};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Qcow2;

static DOC: FormatDoc = FormatDoc {
    name: "qcow2",
    title: "QEMU disk image",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[Magic::new(b"QFI\xfb")],
    reads: "versions 2 and 3, plain and compressed clusters (deflate, zstd)",
    limits: "no backing files, external data, extended entries, snapshots or encryption",
    references: &["QEMU docs/interop/qcow2.rst"],
};

/// Features without which the image cannot be read: external data file, extended L2 entries.
const UNREAD_FEATURES: u64 = 0x4 | 0x10;

/// Clusters are compressed with the method that the header names.
const COMPRESSION_TYPE: u64 = 0x8;

struct Header {
    version: u32,
    cluster_bits: u32,
    size: u64,
    table: usize,
    table_length: usize,
    features: u64,
    codec: Codec,
}

impl Format for Qcow2 {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        parse_header(input, start)?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse_header(input, claim.start)?;
        output.attribute("version", header.version);
        output.attribute("block-size", 1_u64 << header.cluster_bits);
        output.attribute("virtual-size", header.size);
        check_readable(input, claim.start, &header)?;
        let size = check_file_size(header.size, input.len(), output, claim.start)?;
        let table = input.bytes(header.table, header.table_length * 8, "first table")?.to_vec();
        let table = Input::new(table.into());
        let mut spool = output.spool();
        let cluster = 1_usize << header.cluster_bits;
        let per_table = cluster / 8;
        let mut left = size;
        for index in 0..size.div_ceil(cluster) {
            let second = offset(table.u64(index / per_table * 8, Big, "first table")?);
            let entry = match second {
                0 => 0,
                at => input.u64(at + index % per_table * 8, Big, "second table")?,
            };
            let content = read_cluster(input, &header, entry)?;
            let length = left.min(cluster);
            let written = match content.as_deref() {
                Some(content) => spool.write_all(content.get(..length).unwrap_or(content)),
                None => spool.write_all(&vec![0; length]),
            };
            written.map_err(|error| limit(claim.start, &error))?;
            left -= length;
        }
        let content = spool.finish().map_err(|error| limit(claim.start, &error))?;
        output.payload("disk", content)
    }
}

fn limit(offset: usize, error: &std::io::Error) -> Problem {
    Problem::new(ProblemCode::SizeLimit, offset as u64, "disk").because(error.to_string())
}

fn parse_header(input: &Input, at: usize) -> Result<Header, Problem> {
    let version = input.u32(at + 4, Big, "version")?;
    let cluster_bits = input.u32(at + 20, Big, "cluster size")?;
    let features = if version >= 3 { input.u64(at + 72, Big, "features")? } else { 0 };
    let is_zstd = features & COMPRESSION_TYPE != 0 && input.u8(at + 104, "compression")? == 1;
    let header = Header {
        version,
        cluster_bits,
        size: input.u64(at + 24, Big, "virtual size")?,
        table: input.size64(at + 40, Big, "first table")?,
        table_length: input.size32(at + 36, Big, "length of the first table")?,
        features,
        codec: if is_zstd { Codec::Zstd } else { Codec::Deflate },
    };
    // Cluster sizes of 512 bytes to 2 MiB, and a table of at most 32 MiB (qcow2.rst).
    let is_sound = (2..=3).contains(&version)
        && (9..=21).contains(&cluster_bits)
        && header.table_length <= 4 << 20
        && header.table.is_multiple_of(8);
    let bad = || Problem::new(ProblemCode::BadValue, at as u64, "qcow2 header");
    is_sound.then_some(header).ok_or_else(bad)
}

fn check_readable(input: &Input, at: usize, header: &Header) -> Result<(), Problem> {
    let problem = |code, subject| Err(Problem::new(code, at as u64, subject));
    if input.u32(at + 32, Big, "encryption")? != 0 {
        return problem(ProblemCode::Encrypted, "disk image");
    }
    if input.u64(at + 8, Big, "backing file")? != 0 {
        return problem(ProblemCode::Unsupported, "backing file");
    }
    if header.features & UNREAD_FEATURES != 0 {
        return problem(ProblemCode::Unsupported, "features");
    }
    Ok(())
}

/// Bits 9 to 55 of an entry.
fn offset(entry: u64) -> usize {
    usize::try_from(entry & 0x00ff_ffff_ffff_fe00).unwrap_or(usize::MAX)
}

/// A cluster; none when it is zeros.
fn read_cluster(input: &Input, header: &Header, entry: u64) -> Result<Option<Vec<u8>>, Problem> {
    let cluster = 1 << header.cluster_bits;
    if entry & 1 << 62 == 0 {
        let at = offset(entry);
        // Bit 0: the cluster reads as zeros, whatever is stored.
        if at == 0 || (header.version >= 3 && entry & 1 != 0) {
            return Ok(None);
        }
        return input.bytes(at, cluster, "cluster").map(|bytes| Some(bytes.to_vec()));
    }
    let width = 62 - (header.cluster_bits - 8);
    let at = usize::try_from(entry & ((1 << width) - 1)).unwrap_or(usize::MAX);
    let sectors = (entry & !(3 << 62)) >> width;
    let end = (at & !511).saturating_add((sectors as usize + 1) * 512).min(input.len());
    let stored = input.bytes(at, end.saturating_sub(at), "compressed cluster")?;
    // The stream ends before the stored sectors do; what it leaves of the cluster is zeros.
    let mut content = vec![0; cluster];
    decode_into(header.codec, stored, &mut Cursor::new(&mut content[..]))
        .map_err(|error| error.at(at, "compressed cluster"))?;
    Ok(Some(content))
}
