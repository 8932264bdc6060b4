// SPDX-License-Identifier: Apache-2.0
//! AVM's kernel for EVA boot loaders: records of Texas Instruments with LZMA inside.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::stream::keep;
use crate::codec::{Codec, decode_into};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct AvmKernel;

static DOC: FormatDoc = FormatDoc {
    name: "avm-kernel",
    title: "AVM kernel (EVA)",
    family: Family::Kernel,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x81\x12\xed\xfe"), Magic::new(b"\x07\xb0\xed\xfe")],
    reads: "kernels of the first and the second processor; the checksum of the compressed kernel \
            is checked",
    limits: "the sum at the end is not checked; kernels of other compressions are refused",
    references: &["Freetz, eva-tools/src/lzma2eva.c (facts only)"],
};

const LITTLE: Endian = Endian::Little;

/// Record: magic, length, address.
const RECORD: usize = 12;

/// Type, compressed length, length, checksum; properties, dictionary, padding.
const HEADER: usize = 24;

/// Sum, zero, address of the entry.
const TRAILER: usize = 12;

const LZMA: u32 = 0x075a_0201;

impl Format for AvmKernel {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let length = input.size32(start + 4, LITTLE, "record length")?;
        let compressed = input.size32(start + 16, LITTLE, "compressed length")?;
        let properties = input.u8(start + RECORD + 16, "LZMA properties")?;
        if input.u32(start + RECORD, LITTLE, "type")? != LZMA
            || compressed.checked_add(HEADER) != Some(length)
            || properties >= 225
        {
            return Err(Refusal("record"));
        }
        let end = (start + RECORD).saturating_add(length).saturating_add(TRAILER);
        Ok(Claim { start, end: end.min(input.len()), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let start = claim.start;
        let load = input.u32(start + 8, LITTLE, "load address")?;
        output.attribute("load", format_args!("{load:#x}"));
        output.attribute("compression", "lzma");
        let compressed = input.size32(start + 16, LITTLE, "compressed length")?;
        let size = u64::from(input.u32(start + 20, LITTLE, "length")?);
        let data = start + RECORD + HEADER;
        let stream = input.bytes(data, compressed, "compressed kernel")?;
        if let Ok(entry) = input.u32(data + compressed + 8, LITTLE, "entry") {
            output.attribute("entry", format_args!("{entry:#x}"));
        }
        if crc32fast::hash(stream) == input.u32(start + 24, LITTLE, "checksum")? {
            output.confirm(Confidence::Checksum);
        } else {
            let place = start as u64 + 24;
            output.problem(Problem::new(ProblemCode::BadChecksum, place, "compressed kernel"));
        }
        // The header of a .lzma file, made of the record's.
        let properties = input.bytes(start + RECORD + 16, 5, "LZMA properties")?;
        let whole = [properties, &size.to_le_bytes(), stream].concat();
        output.reads_to(claim.end);
        let mut spool = output.spool();
        decode_into(Codec::LzmaAlone, &whole, &mut spool)
            .map_err(|error| error.at(data, "LZMA stream"))?;
        keep(spool, "kernel", data, output)
    }
}
