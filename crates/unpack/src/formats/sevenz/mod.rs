// SPDX-License-Identifier: Apache-2.0
//! 7z: folders of coders, each unpacked whole, and the files that lie in them one after the other.

use kakoi_model::{Confidence, Endian, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

mod coders;
mod header;
mod reader;

use header::{Archive, Entry, Folder};

/// The format.
pub(super) struct SevenZip;

static DOC: FormatDoc = FormatDoc {
    name: "7z",
    title: "7z archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"7z\xbc\xaf\x27\x1c")],
    reads: "stored, LZMA, LZMA2, deflate, bzip2, with the branch filters; checksums are checked",
    limits: "PPMd, BCJ2 and further coders; encrypted archives are reported; volumes",
    references: &["7-Zip, DOC/7zFormat.txt"],
};

const LITTLE: Endian = Endian::Little;

/// Signature, version, checksum, and where the header lies.
const START: usize = 32;

/// Headers may be packed; packed ones may be packed again.
const MAX_PACKED_HEADERS: usize = 4;

impl Format for SevenZip {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let sum = input.u32(start + 8, LITTLE, "checksum of the start header")?;
        if crc32fast::hash(input.bytes(start + 12, 20, "start header")?) != sum {
            return Err(Refusal("checksum of the start header"));
        }
        let offset = input.size64(start + 12, LITTLE, "header offset")?;
        let size = input.size64(start + 20, LITTLE, "header size")?;
        let end = (start + START).saturating_add(offset).saturating_add(size);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Checksum })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let base = claim.start + START;
        let offset = input.size64(claim.start + 12, LITTLE, "header offset")?;
        let size = input.size64(claim.start + 20, LITTLE, "header size")?;
        let [major, minor] = input.array(claim.start + 6, "version")?;
        output.attribute("version", format_args!("{major}.{minor}"));
        let at = base.saturating_add(offset);
        let mut header = input.bytes(at, size, "header")?.to_vec();
        if crc32fast::hash(&header)
            != input.u32(claim.start + 28, LITTLE, "checksum of the header")?
        {
            return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "header"));
        }
        for _ in 0..MAX_PACKED_HEADERS {
            match header::parse(&header, at)? {
                header::Parsed::Archive(archive) => {
                    return yield_all(input, base, &archive, output);
                }
                header::Parsed::Packed(folders) => {
                    let folder = folders.first().ok_or_else(|| bad(at, "packed header"))?;
                    header = unpack(input, base, folder, output.content_limit())?;
                }
            }
        }
        Err(bad(at, "header packed too often"))
    }
}

fn bad(at: usize, subject: &'static str) -> Problem {
    Problem::new(ProblemCode::BadValue, at as u64, subject)
}

fn unpack(input: &Input, base: usize, folder: &Folder, limit: usize) -> Result<Vec<u8>, Problem> {
    let at = base.saturating_add(folder.offset);
    let packed = input.bytes(at, folder.packed, "packed stream")?;
    let content = coders::decode(&folder.coders, packed, folder.size, limit, at)?;
    if folder.crc.is_some_and(|crc| crc32fast::hash(&content) != crc) {
        return Err(Problem::new(ProblemCode::BadChecksum, at as u64, "folder"));
    }
    Ok(content)
}

fn yield_all(
    input: &Input,
    base: usize,
    archive: &Archive,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let (empty, filled): (Vec<&Entry>, Vec<&Entry>) =
        archive.entries.iter().partition(|entry| entry.is_empty);
    for entry in empty {
        if entry.is_directory {
            output.node(meta(entry), Node::Directory)?;
        } else {
            output.shared_file(meta(entry), bytes::Bytes::new())?;
        }
    }
    let mut filled = filled.into_iter();
    for folder in &archive.folders {
        let entries: Vec<&Entry> = filled.by_ref().take(folder.streams.len()).collect();
        match unpack(input, base, folder, output.content_limit()) {
            Ok(content) => yield_folder(folder, &content, &entries, base, output)?,
            Err(problem) => {
                for entry in entries {
                    output.problem(problem.clone().of_entry(&ImagePath::new(&entry.name)));
                }
            }
        }
    }
    Ok(())
}

/// The files of one folder, one after the other.
fn yield_folder(
    folder: &Folder,
    content: &[u8],
    entries: &[&Entry],
    base: usize,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let mut at = 0_usize;
    for (&(size, crc), entry) in folder.streams.iter().zip(entries) {
        let path = ImagePath::new(&entry.name);
        let end = at.saturating_add(size);
        let offset = base.saturating_add(folder.offset);
        let Some(bytes) = content.get(at..end) else {
            return Err(bad(offset, "size of a file").of_entry(&path));
        };
        at = end;
        if crc.is_some_and(|crc| crc32fast::hash(bytes) != crc) {
            let problem = Problem::new(ProblemCode::BadChecksum, offset as u64, "file");
            output.problem(problem.of_entry(&path));
            continue;
        }
        if entry.mode.is_some_and(|mode| mode >> 12 == 10) {
            output.node(meta(entry), Node::Symlink(bytes.to_vec()))?;
        } else {
            output.file(meta(entry), bytes.to_vec())?;
        }
    }
    Ok(())
}

fn meta(entry: &Entry) -> Meta {
    Meta { path: entry.name.clone(), mode: entry.mode, mtime: entry.mtime, ..Meta::default() }
}
