// SPDX-License-Identifier: Apache-2.0
//! Android's update payload (`payload.bin` of an OTA archive): partitions as lists of operations on
//! blocks. The manifest is a protocol buffer, of which this reads what it needs.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use sha2::{Digest, Sha256};

use super::super::unix::check_file_size;
use crate::codec::{Codec, decode};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct AndroidPayload;

static DOC: FormatDoc = FormatDoc {
    name: "android-payload",
    title: "Android update payload",
    family: Family::Header,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"CrAU\0\0\0\0\0\0\0\x02")],
    reads: "version 2, full updates: operations that replace (plain, bzip2, xz), zero and discard \
            blocks; the SHA-256 of each operation's data and of each partition is checked",
    limits: "differential operations are reported: they need the partition that the device has; \
             signatures are not checked",
    references: &["Android Open Source Project, system/update_engine, update_metadata.proto"],
};

const BIG: Endian = Endian::Big;

/// Magic, version, length of the manifest, length of its signature.
const HEADER: usize = 24;

/// Longest manifest: those of large devices have about 200 KiB.
const MAX_MANIFEST: usize = 64 << 20;

const DEFAULT_BLOCK: u64 = 4096;

impl Format for AndroidPayload {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let manifest = read_manifest(input, start)?;
        let used = manifest.partitions.iter().flat_map(|partition| &partition.operations);
        let end = used.map(|operation| operation.data.1).max().unwrap_or(manifest.data);
        if manifest.partitions.is_empty() {
            return Err(Refusal("no partition"));
        }
        let end = end.max(manifest.end).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let manifest = read_manifest(input, claim.start)?;
        output.attribute("block-size", manifest.block);
        output.attribute("kind", if manifest.minor == 0 { "full" } else { "differential" });
        for partition in &manifest.partitions {
            match read_partition(input, &manifest, partition, output) {
                Ok(content) => {
                    let digest = Sha256::digest(&content);
                    if !partition.digest.is_empty() && digest[..] != partition.digest[..] {
                        let problem =
                            Problem::new(ProblemCode::BadChecksum, claim.start as u64, "partition");
                        output.problem(problem.because(partition.name.clone()));
                    }
                    output.payload(&partition.name, content.into())?;
                }
                Err(problem) if problem.code == ProblemCode::SizeLimit => return Err(problem),
                Err(problem) => {
                    let words = format!("{}: {}", partition.name, problem.detail);
                    output.problem(problem.because(words));
                }
            }
        }
        Ok(())
    }
}

struct Manifest {
    block: u64,
    minor: u64,
    /// First byte of the data, in the content.
    data: usize,
    /// One past the signature of the payload.
    end: usize,
    partitions: Vec<Partition>,
}

#[derive(Default)]
struct Partition {
    name: String,
    size: u64,
    digest: Vec<u8>,
    operations: Vec<Operation>,
}

#[derive(Default)]
struct Operation {
    kind: u64,
    /// Range in the content.
    data: (usize, usize),
    digest: Vec<u8>,
    /// First block and number of blocks.
    extents: Vec<(u64, u64)>,
}

/// Fields of `DeltaArchiveManifest`.
fn read_manifest(input: &Input, start: usize) -> Result<Manifest, Problem> {
    let length = input.size64(start + 12, BIG, "length of the manifest")?;
    let signature = input.size32(start + 20, BIG, "length of the signature")?;
    if length > MAX_MANIFEST {
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "length of the manifest"));
    }
    let bytes = input.bytes(start + HEADER, length, "manifest")?;
    let data = (start + HEADER + length).saturating_add(signature);
    let mut manifest =
        Manifest { block: DEFAULT_BLOCK, minor: 0, data, end: data, partitions: Vec::new() };
    let mut trailer = (0, 0);
    for field in Message::of(bytes) {
        match field {
            (3, Value::Number(size)) => manifest.block = size,
            (4, Value::Number(offset)) => trailer.0 = offset,
            (5, Value::Number(size)) => trailer.1 = size,
            (12, Value::Number(minor)) => manifest.minor = minor,
            (13, Value::Bytes(bytes)) => manifest.partitions.push(read_entry(bytes, data)),
            _ => {}
        }
    }
    manifest.end = data.saturating_add(to_size(trailer.0)).saturating_add(to_size(trailer.1));
    if !manifest.block.is_power_of_two() || !(512..=65536).contains(&manifest.block) {
        return Err(Problem::new(ProblemCode::BadValue, start as u64, "block size"));
    }
    Ok(manifest)
}

fn to_size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `PartitionUpdate`, with the `PartitionInfo` of its new state.
fn read_entry(bytes: &[u8], data: usize) -> Partition {
    let mut partition = Partition::default();
    for field in Message::of(bytes) {
        match field {
            (1, Value::Bytes(name)) => partition.name = super::super::parts::printable(name),
            (7, Value::Bytes(info)) => {
                for field in Message::of(info) {
                    match field {
                        (1, Value::Number(size)) => partition.size = size,
                        (2, Value::Bytes(digest)) => partition.digest = digest.to_vec(),
                        _ => {}
                    }
                }
            }
            (8, Value::Bytes(bytes)) => partition.operations.push(read_operation(bytes, data)),
            _ => {}
        }
    }
    partition
}

/// `InstallOperation`.
fn read_operation(bytes: &[u8], data: usize) -> Operation {
    let (mut operation, mut offset, mut length) = (Operation::default(), 0, 0);
    for field in Message::of(bytes) {
        match field {
            (1, Value::Number(kind)) => operation.kind = kind,
            (2, Value::Number(number)) => offset = to_size(number),
            (3, Value::Number(number)) => length = to_size(number),
            (6, Value::Bytes(extent)) => {
                let mut place = (0, 0);
                for field in Message::of(extent) {
                    match field {
                        (1, Value::Number(first)) => place.0 = first,
                        (2, Value::Number(count)) => place.1 = count,
                        _ => {}
                    }
                }
                operation.extents.push(place);
            }
            (8, Value::Bytes(digest)) => operation.digest = digest.to_vec(),
            _ => {}
        }
    }
    let first = data.saturating_add(offset);
    operation.data = (first, first.saturating_add(length));
    operation
}

fn read_partition(
    input: &Input,
    manifest: &Manifest,
    partition: &Partition,
    output: &mut Output<'_>,
) -> Result<Vec<u8>, Problem> {
    let size = check_file_size(partition.size, input.len(), output, manifest.data)?;
    output.spend(size)?;
    let mut content = vec![0; size];
    let mut spent = 0;
    for operation in &partition.operations {
        let (from, to) = operation.data;
        let bad = |code, words: String| Problem::new(code, from as u64, "operation").because(words);
        let blocks = operation.extents.iter().fold(0_u64, |sum, it| sum.saturating_add(it.1));
        let room = to_size(blocks.saturating_mul(manifest.block));
        spent += room.min(size.saturating_add(1));
        if room > size || spent > size.saturating_mul(2) {
            return Err(bad(ProblemCode::BadValue, "writes more than its partition".to_owned()));
        }
        let codec = match operation.kind {
            0 => None,
            1 => Some(Codec::Bzip2),
            8 => Some(Codec::Xz),
            // The partition begins as zeros.
            6 | 7 => continue,
            kind => {
                let words = format!("differential, of kind {kind}");
                return Err(bad(ProblemCode::Unsupported, words));
            }
        };
        let stored = input.bytes(from, to.saturating_sub(from), "data of an operation")?;
        if !operation.digest.is_empty() && Sha256::digest(stored)[..] != operation.digest[..] {
            return Err(bad(ProblemCode::BadChecksum, "data of an operation".to_owned()));
        }
        let decoded = codec.map(|codec| decode(codec, stored, room)).transpose();
        let decoded = decoded.map_err(|error| error.at(from, "operation"))?;
        write(&mut content, manifest.block, operation, decoded.as_deref().unwrap_or(stored));
    }
    Ok(content)
}

/// Lays the bytes into the blocks, in the order of the extents.
fn write(content: &mut [u8], block: u64, operation: &Operation, mut bytes: &[u8]) {
    for &(first, count) in &operation.extents {
        let at = to_size(first.saturating_mul(block));
        let length = to_size(count.saturating_mul(block)).min(bytes.len());
        let (now, rest) = bytes.split_at(length);
        bytes = rest;
        let room = content.get_mut(at..).unwrap_or_default();
        let length = length.min(room.len());
        room[..length].copy_from_slice(&now[..length]);
    }
}

/// Fields of a protocol buffer's message (protobuf.dev, "Encoding"); ends at the first that makes no
/// sense.
struct Message<'a> {
    bytes: &'a [u8],
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = to_size(self.number()?);
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}
