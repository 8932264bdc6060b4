// SPDX-License-Identifier: Apache-2.0
//! ar: static libraries, Debian packages, old opkg packages.

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Output, Refusal, Scope};

/// The format.
pub(super) struct Ar;

static DOC: FormatDoc = FormatDoc {
    name: "ar",
    title: "ar archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"!<arch>\n")],
    reads: "members with GNU's and BSD's long names; Debian packages",
    limits: "thin archives, AIX's format; symbol tables are left out",
    references: &["ar(5)", "deb(5)"],
};

const HEADER: usize = 60;

struct Member {
    name: Vec<u8>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    size: usize,
}

impl Format for Ar {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if input.bytes(start, 8, "magic")? != b"!<arch>\n" {
            return Err(Refusal("no magic"));
        }
        parse(input, start + 8)?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut at = claim.start + 8;
        let mut names: &[u8] = &[];
        while input.tail(at).len() >= HEADER {
            let Ok(member) = parse(input, at) else { break };
            let data = at + HEADER;
            let end = data.saturating_add(member.size);
            if end > input.len() {
                output.ends_at(input.len());
                let problem = Problem::new(ProblemCode::Truncated, at as u64, "member");
                let detail = format!("{} bytes leave the archive", member.size);
                return Err(problem.of_entry(&ImagePath::new(&member.name)).because(detail));
            }
            match member.name.as_slice() {
                // Symbol tables of GNU and BSD.
                b"/" | b"/SYM64/" | b"__.SYMDEF" => {}
                b"//" => names = input.bytes(data, member.size, "long names")?,
                _ => yield_member(input, member, names, data..end, output)?,
            }
            at = end.saturating_add(end & 1 ^ claim.start & 1).min(input.len());
        }
        output.ends_at(at);
        Ok(())
    }
}

fn yield_member(
    input: &Input,
    member: Member,
    names: &[u8],
    mut range: std::ops::Range<usize>,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let mut name = member.name;
    if let Some(offset) = name.strip_prefix(b"/").and_then(decimal::<usize>) {
        // GNU: an offset into the table of long names, which end with "/\n".
        let long = names.get(offset..).unwrap_or_default();
        name = long.split(|&byte| byte == b'\n').next().unwrap_or_default().to_vec();
    } else if let Some(length) = name.strip_prefix(b"#1/").and_then(decimal::<usize>) {
        // BSD: so many bytes of the content are the name.
        let length = length.min(range.len());
        let bytes = input.bytes(range.start, length, "long name")?;
        name = bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        range.start += length;
    }
    let name = name.strip_suffix(b"/").unwrap_or(&name);
    if name == b"debian-binary" {
        output.attribute("kind", "deb");
    }
    let meta = Meta {
        path: name.to_vec(),
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        ..Meta::default()
    };
    output.shared_file(meta, input.share(range, "member")?)
}

fn parse(input: &Input, at: usize) -> Result<Member, Problem> {
    let header = input.bytes(at, HEADER, "member header")?;
    let bad = || Problem::new(ProblemCode::BadValue, at as u64, "member header");
    if &header[58..60] != b"`\n" {
        return Err(bad());
    }
    let text = |range: std::ops::Range<usize>| header[range].trim_ascii_end();
    let mode = text(40..48).iter().try_fold(0_u32, |value, &byte| {
        value.checked_mul(8)?.checked_add(char::from(byte).to_digit(8)?)
    });
    Ok(Member {
        name: text(0..16).to_vec(),
        mode: mode.filter(|&mode| mode != 0),
        uid: decimal(text(28..34)),
        gid: decimal(text(34..40)),
        mtime: decimal(text(16..28)),
        size: decimal(text(48..58)).ok_or_else(bad)?,
    })
}

fn decimal<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
