// SPDX-License-Identifier: Apache-2.0
//! gzip (RFC 1952): one or more members, whose contents follow each other.

use kakoi_model::{Confidence, Problem, ProblemCode};

use crate::codec::{Codec, decode_into};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Gzip;

static DOC: FormatDoc = FormatDoc {
    name: "gzip",
    title: "gzip stream",
    family: Family::Compression,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x1f\x8b\x08")],
    reads: "all members; checksum and length of each are checked",
    limits: "a member that fails its checksum ends the stream; what came before it is kept",
    references: &["RFC 1952"],
};

/// FLG bits that RFC 1952 §2.3.1.2 reserves: must be zero.
const RESERVED: u8 = 0xe0;

/// FLG bit 3: a file name follows the header (RFC 1952 §2.3.1).
const FNAME: u8 = 0x08;

/// FLG bit 2: an extra field comes before the name.
const FEXTRA: u8 = 0x04;

impl Format for Gzip {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = input.array::<10>(start, "gzip header")?;
        if header[..3] != *b"\x1f\x8b\x08" || header[3] & RESERVED != 0 {
            return Err(Refusal("not a gzip header"));
        }
        // OS byte: 0 to 13 or 255 (RFC 1952 §2.3.1); vendors write nothing else.
        if header[9] > 13 && header[9] != 255 {
            return Err(Refusal("unknown operating system byte"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Magic })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let name = original_name(input, claim.start).unwrap_or_else(|| b"payload".to_vec());
        let mut spool = output.spool();
        let mut at = claim.start;
        let mut result = Ok(());
        while input.tail(at).starts_with(b"\x1f\x8b\x08") {
            match decode_into(Codec::Gzip, input.tail(at), &mut spool) {
                Ok(consumed) => at += consumed,
                Err(error) => {
                    result = Err(error.at(at, "gzip member"));
                    break;
                }
            }
        }
        if result.is_ok() {
            output.ends_at(at);
        } else if spool.is_empty() {
            return result;
        }
        let content = spool.finish().map_err(|error| {
            Problem::new(ProblemCode::SizeLimit, at as u64, "gzip member")
                .because(error.to_string())
        })?;
        output.payload(name, content)?;
        result
    }
}

/// The file name that the header records, reduced to its last part.
fn original_name(input: &Input, start: usize) -> Option<Vec<u8>> {
    let flags = input.u8(start + 3, "flags").ok()?;
    if flags & FNAME == 0 || flags & FEXTRA != 0 {
        return None;
    }
    let name = input.tail(start + 10).split(|&byte| byte == 0).next()?;
    let name = name.rsplit(|&byte| byte == b'/').next()?;
    (!name.is_empty() && name.len() < 256 && name != b"." && name != b"..").then(|| name.to_vec())
}
