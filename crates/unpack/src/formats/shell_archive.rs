// SPDX-License-Identifier: Apache-2.0
//! Shell scripts that carry an archive behind their last line: makeself, vendors' installers.

use kakoi_model::{Confidence, Problem};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct ShellArchive;

static DOC: FormatDoc = FormatDoc {
    name: "shell-archive",
    title: "self-extracting shell archive",
    family: Family::Header,
    scope: Scope::Start,
    magics: &[Magic::new(b"#!")],
    reads: "makeself's and others': the script, and what lies behind its last line: gzip, bzip2, xz, \
            zstd, LZ4, compress, zip, squashfs or tar",
    limits: "payloads that are text (uuencode, Base64) or have no magic (LZMA); checksums in the \
             script are not compared",
    references: &["makeself 2.4, makeself-header.sh (facts only)"],
};

/// Longest script that is looked through.
const MAX_SCRIPT: usize = 4 << 20;

/// What a payload begins with.
const MAGICS: &[&[u8]] = &[
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x1f\x9d",
    b"PK\x03\x04",
    b"hsqs",
    b"sqsh",
];

/// Where tar has its magic.
const TAR_MAGIC: usize = 257;

/// The first byte behind a line end at which a payload begins, if all before it is text.
fn find_payload(input: &Input, start: usize) -> Option<usize> {
    let script = input.tail(start);
    let searched = script.get(..MAX_SCRIPT).unwrap_or(script);
    let mut lines = memchr::memchr_iter(b'\n', searched);
    let text_ends = memchr::memchr(0, searched).unwrap_or(searched.len());
    lines.find_map(|end| {
        let at = end + 1;
        let rest = script.get(at..)?;
        let is_bzip2 = rest.starts_with(b"BZh")
            && rest.get(4..).is_some_and(|rest| rest.starts_with(b"1AY&SY"));
        let is_payload = is_bzip2
            || MAGICS.iter().any(|magic| rest.starts_with(magic))
            || rest.get(TAR_MAGIC..).is_some_and(|rest| rest.starts_with(b"ustar"));
        (is_payload && at <= text_ends).then_some(start + at)
    })
}

impl Format for ShellArchive {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if !input.tail(start).starts_with(b"#!") {
            return Err(Refusal("no script"));
        }
        find_payload(input, start).ok_or(Refusal("nothing behind the script"))?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let payload = find_payload(input, claim.start).unwrap_or(claim.end);
        let script = input.bytes(claim.start, payload - claim.start, "script")?;
        if memchr::memmem::find(script, b"Makeself").is_some() {
            output.attribute("kind", "makeself");
        }
        if let Some(label) = value(script, b"label=") {
            output.attribute("label", label);
        }
        output.part("script", claim.start..payload)?;
        output.part("payload", payload..claim.end)
    }
}

/// What a variable of the script is set to.
fn value(script: &[u8], key: &[u8]) -> Option<String> {
    let mut lines = script.split(|&byte| byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(key))?;
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    Some(printable(line.strip_suffix(b"\"").unwrap_or(line)))
}
