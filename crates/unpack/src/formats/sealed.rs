// SPDX-License-Identifier: Apache-2.0
//! File systems and volumes that are recognised but not read: what they are, how large, and why
//! nothing is listed.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// An encrypted volume.
pub(super) struct Luks;

/// XFS.
pub(super) struct Xfs;

static LUKS: FormatDoc = FormatDoc {
    name: "luks",
    title: "LUKS encrypted volume",
    family: Family::Partition,
    scope: Scope::Aligned(512),
    magics: &[Magic::new(b"LUKS\xba\xbe\0\x01"), Magic::new(b"LUKS\xba\xbe\0\x02")],
    reads: "versions 1 and 2: the header, as attributes; the volume is reported as encrypted",
    limits: "no passphrase is tried",
    references: &["LUKS1 On-Disk Format Specification 1.2.3", "LUKS2 On-Disk Format Specification"],
};

static XFS: FormatDoc = FormatDoc {
    name: "xfs",
    title: "XFS file system",
    family: Family::FileSystem,
    scope: Scope::Aligned(512),
    magics: &[Magic::new(b"XFSB\0\0")],
    reads: "the superblock: size and label, as attributes",
    limits: "files are not read: reported as unsupported",
    references: &["XFS Algorithms and Data Structures, 3rd edition"],
};

const BIG: Endian = Endian::Big;

fn not_read(claim: &Claim) -> Problem {
    let problem = Problem::new(ProblemCode::Unsupported, claim.start as u64, "file system");
    problem.because("recognised, but its files are not read")
}

impl Format for Luks {
    fn doc(&self) -> &'static FormatDoc {
        &LUKS
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let version = input.u16(start + 6, BIG, "version")?;
        let texts: &[(usize, usize)] = match version {
            1 => &[(8, 32), (40, 32), (72, 32), (168, 40)],
            2 => &[(72, 32), (168, 40)],
            _ => return Err(Refusal("version")),
        };
        for &(at, length) in texts {
            let text = input.text(start + at, length, "header")?;
            if text.is_empty() || !text.iter().all(u8::is_ascii_graphic) {
                return Err(Refusal("header"));
            }
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let version = input.u16(claim.start + 6, BIG, "version")?;
        output.attribute("version", version);
        output.attribute("uuid", printable(input.bytes(claim.start + 168, 40, "UUID")?));
        if version == 1 {
            let cipher = printable(input.bytes(claim.start + 8, 32, "cipher")?);
            let mode = printable(input.bytes(claim.start + 40, 32, "mode")?);
            output.attribute("cipher", format_args!("{cipher}-{mode}"));
        }
        let problem = Problem::new(ProblemCode::Encrypted, claim.start as u64, "volume");
        Err(problem.because("LUKS: needs a passphrase"))
    }
}

impl Format for Xfs {
    fn doc(&self) -> &'static FormatDoc {
        &XFS
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let block = input.size32(start + 4, BIG, "block size")?;
        let blocks = input.size64(start + 8, BIG, "blocks")?;
        let logarithm = input.u8(start + 120, "block size")?;
        let sector = input.u16(start + 102, BIG, "sector size")?;
        if !(512..=65536).contains(&block)
            || 1_usize.checked_shl(u32::from(logarithm)) != Some(block)
            || !sector.is_power_of_two()
            || sector < 512
            || blocks == 0
        {
            return Err(Refusal("superblock"));
        }
        let end = start.saturating_add(blocks.saturating_mul(block)).min(input.len());
        Ok(Claim { start, end, confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        output.attribute("label", printable(input.bytes(claim.start + 108, 12, "label")?));
        let version = input.u16(claim.start + 100, BIG, "version")? & 15;
        output.attribute("version", version);
        Err(not_read(claim))
    }
}
