// SPDX-License-Identifier: Apache-2.0
//! cpio: newc (with and without checksum), odc, and the old binary form in both byte orders.
//! Archives that follow each other with nothing but zeros between are one, as for the kernel.

use std::collections::BTreeMap;

use kakoi_model::{Confidence, ImagePath, Problem, ProblemCode};

use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Meta, Node, Output, Refusal, Scope};

/// The format.
pub(super) struct Cpio;

static DOC: FormatDoc = FormatDoc {
    name: "cpio",
    title: "cpio archive",
    family: Family::Archive,
    scope: Scope::Anywhere,
    magics: &[
        Magic::new(b"070701"),
        Magic::new(b"070702"),
        Magic::new(b"070707"),
        Magic::new(b"\xc7\x71"),
        Magic::new(b"\x71\xc7"),
    ],
    reads: "newc, crc (checked), odc, binary; hard links; concatenated archives",
    limits: "the binary form is too weakly marked to be told from noise: its first entry must be flawless",
    references: &["Linux Documentation/driver-api/early-userspace/buffer-format.rst", "cpio(5)"],
};

const TRAILER: &[u8] = b"TRAILER!!!";

/// Longest name: PATH_MAX of Linux.
const MAX_NAME: usize = 4096;

/// Forms of the header.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Newc,
    Crc,
    Odc,
    BinaryLittle,
    BinaryBig,
}

impl Form {
    const fn name(self) -> &'static str {
        match self {
            Self::Newc => "newc",
            Self::Crc => "crc",
            Self::Odc => "odc",
            Self::BinaryLittle => "binary, little endian",
            Self::BinaryBig => "binary, big endian",
        }
    }

    /// What names and contents are padded to.
    const fn unit(self) -> usize {
        match self {
            Self::Newc | Self::Crc => 4,
            Self::Odc => 1,
            Self::BinaryLittle | Self::BinaryBig => 2,
        }
    }
}

/// One entry; numbers are offsets in the content.
struct Header {
    form: Form,
    inode: (u32, u32),
    mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    mtime: i64,
    device: (u32, u32),
    sum: u32,
    name: Vec<u8>,
    data: usize,
    size: usize,
}

impl Format for Cpio {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start, start)?;
        let binary = matches!(header.form, Form::BinaryLittle | Form::BinaryBig);
        let kind = header.mode >> 12;
        let known = matches!(kind, 1 | 2 | 4 | 6 | 8 | 10 | 12) && header.mode <= 0xffff;
        let last = header.name == TRAILER;
        let printable = header.name.iter().all(|&byte| byte >= 0x20 && byte != 0x7f);
        if !(known || last)
            || !printable
            || header.name.is_empty()
            || (binary && (last || start > 0))
        {
            return Err(Refusal("fields out of range"));
        }
        let end = next(&header, start);
        if binary && parse(input, end, start).is_err() {
            return Err(Refusal("no second entry"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let mut reader =
            Reader { input, start: claim.start, at: claim.start, links: BTreeMap::new() };
        let result = reader.run(output);
        if result.is_err() {
            output.ends_at(reader.at);
        }
        reader.flush_links(output)?;
        result
    }
}

struct Reader<'a> {
    input: &'a Input,
    start: usize,
    at: usize,
    /// Names of a file whose content comes with its last name.
    links: BTreeMap<(u32, u32), Vec<Meta>>,
}

impl Reader<'_> {
    fn run(&mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        loop {
            let header = parse(self.input, self.at, self.start)?;
            if self.at == self.start {
                output.attribute("version", header.form.name());
            }
            if header.name == TRAILER {
                let end = next(&header, self.start).min(self.input.len());
                self.flush_links(output)?;
                match self.following(end) {
                    Some(at) => self.at = at,
                    None => {
                        output.ends_at(self.padded_end(end));
                        return Ok(());
                    }
                }
                continue;
            }
            let end = header.data.saturating_add(header.size);
            if end > self.input.len() {
                let problem = Problem::new(ProblemCode::Truncated, self.at as u64, "content");
                let detail = format!("{} bytes leave the archive", header.size);
                self.at = self.input.len();
                return Err(problem.of_entry(&ImagePath::new(&header.name)).because(detail));
            }
            let path = ImagePath::new(&header.name);
            self.at = next(&header, self.start).min(self.input.len());
            match self.entry(header, output) {
                Err(problem) if problem.code == ProblemCode::CountLimit => return Err(problem),
                Err(problem) => output.problem(problem.of_entry(&path)),
                Ok(()) => {}
            }
        }
    }

    fn entry(&mut self, header: Header, output: &mut Output<'_>) -> Result<(), Problem> {
        let meta = Meta {
            path: header.name,
            mode: Some(header.mode),
            uid: Some(header.uid),
            gid: Some(header.gid),
            mtime: Some(header.mtime),
            ..Meta::default()
        };
        let content = self.input.share(header.data..header.data + header.size, "content")?;
        let node = match header.mode >> 12 {
            1 => Node::Fifo,
            2 => Node::CharDevice(header.device.0, header.device.1),
            4 => Node::Directory,
            6 => Node::BlockDevice(header.device.0, header.device.1),
            10 => Node::Symlink(content.to_vec()),
            12 => Node::Socket,
            _ if header.size == 0 && header.links > 1 => {
                self.links.entry(header.inode).or_default().push(meta);
                return Ok(());
            }
            _ => {
                if header.form == Form::Crc && sum(&content) != header.sum {
                    let problem =
                        Problem::new(ProblemCode::BadChecksum, header.data as u64, "content");
                    output.problem(problem.of_entry(&ImagePath::new(&meta.path)));
                }
                for other in self.links.remove(&header.inode).unwrap_or_default() {
                    output.shared_file(other, content.clone())?;
                }
                return output.shared_file(meta, content);
            }
        };
        output.node(meta, node)
    }

    /// Names that got no content belong to empty files.
    fn flush_links(&mut self, output: &mut Output<'_>) -> Result<(), Problem> {
        for meta in std::mem::take(&mut self.links).into_values().flatten() {
            output.shared_file(meta, bytes::Bytes::new())?;
        }
        Ok(())
    }

    /// Where the next archive begins, if only zeros lie before it.
    fn following(&self, end: usize) -> Option<usize> {
        let zeros = self.input.tail(end).iter().take_while(|&&byte| byte == 0).count();
        let header = parse(self.input, end + zeros, end + zeros).ok()?;
        let text = matches!(header.form, Form::Newc | Form::Crc | Form::Odc);
        text.then_some(end + zeros)
    }

    /// cpio writes blocks of 512 bytes: zeros up to there belong to the archive.
    fn padded_end(&self, end: usize) -> usize {
        let block = self.start + (end - self.start).next_multiple_of(512);
        let padding = self.input.as_slice().get(end..block).unwrap_or(self.input.tail(end));
        if padding.iter().all(|&byte| byte == 0) { end + padding.len() } else { end }
    }
}

fn sum(content: &[u8]) -> u32 {
    content.iter().fold(0_u32, |sum, &byte| sum.wrapping_add(u32::from(byte)))
}

/// Padding counts from the start of the archive.
fn pad(at: usize, start: usize, unit: usize) -> usize {
    let length = at.saturating_sub(start);
    start.saturating_add(length.checked_next_multiple_of(unit).unwrap_or(usize::MAX))
}

fn next(header: &Header, start: usize) -> usize {
    pad(header.data.saturating_add(header.size), start, header.form.unit())
}

fn parse(input: &Input, at: usize, start: usize) -> Result<Header, Problem> {
    match input.bytes(at, 6, "header")? {
        b"070701" => parse_new(input, at, start, Form::Newc),
        b"070702" => parse_new(input, at, start, Form::Crc),
        b"070707" => parse_odc(input, at, start),
        [0xc7, 0x71, ..] => parse_binary(input, at, start, Form::BinaryLittle),
        [0x71, 0xc7, ..] => parse_binary(input, at, start, Form::BinaryBig),
        _ => Err(bad(at, "magic")),
    }
}

fn bad(at: usize, subject: &'static str) -> Problem {
    Problem::new(ProblemCode::BadValue, at as u64, subject)
}

/// Thirteen numbers of eight hexadecimal digits.
fn parse_new(input: &Input, at: usize, start: usize, form: Form) -> Result<Header, Problem> {
    let digits = input.bytes(at + 6, 13 * 8, "header")?;
    let mut fields = [0_u32; 13];
    for (field, digits) in fields.iter_mut().zip(digits.chunks_exact(8)) {
        *field = digits_of(digits, 16).ok_or_else(|| bad(at, "number"))?;
    }
    let [inode, mode, uid, gid, links, mtime, size, major, minor, rmajor, rminor, length, sum] =
        fields;
    // The inode of one file system is not that of another.
    let inode = (major.wrapping_mul(0x1_0001).wrapping_add(minor), inode);
    let (name, data) = name(input, at + 110, length as usize, start, form)?;
    let device = (rmajor, rminor);
    let (mtime, size) = (i64::from(mtime), size as usize);
    Ok(Header { form, inode, mode, uid, gid, links, mtime, device, sum, name, data, size })
}

/// Numbers of six octal digits, time and size of eleven.
fn parse_odc(input: &Input, at: usize, start: usize) -> Result<Header, Problem> {
    let header = input.bytes(at, 76, "header")?;
    let field = |from: usize, length: usize| {
        digits_of(&header[from..from + length], 8).ok_or_else(|| bad(at, "number"))
    };
    let (name, data) = name(input, at + 76, field(59, 6)? as usize, start, Form::Odc)?;
    let device = field(42, 6)?;
    Ok(Header {
        form: Form::Odc,
        inode: (field(6, 6)?, field(12, 6)?),
        mode: field(18, 6)?,
        uid: field(24, 6)?,
        gid: field(30, 6)?,
        links: field(36, 6)?,
        device: (device >> 8, device & 0xff),
        mtime: i64::from(field(48, 11)?),
        sum: 0,
        name,
        data,
        size: field(65, 11)? as usize,
    })
}

/// Thirteen 16-bit numbers; those of 32 bits have the high half first in both byte orders.
fn parse_binary(input: &Input, at: usize, start: usize, form: Form) -> Result<Header, Problem> {
    use kakoi_model::Endian::{Big, Little};
    let endian = if form == Form::BinaryLittle { Little } else { Big };
    let half = |index: usize| input.u16(at + index * 2, endian, "header").map(u32::from);
    let word = |index: usize| Ok::<u32, Problem>(half(index)? << 16 | half(index + 1)?);
    let (name, data) = name(input, at + 26, half(10)? as usize, start, form)?;
    let device = half(7)?;
    Ok(Header {
        form,
        inode: (half(1)?, half(2)?),
        mode: half(3)?,
        uid: half(4)?,
        gid: half(5)?,
        links: half(6)?,
        device: (device >> 8, device & 0xff),
        mtime: i64::from(word(8)?),
        sum: 0,
        name,
        data,
        size: word(11)? as usize,
    })
}

fn digits_of(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, &byte| {
        value.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?)
    })
}

/// The name, and where the content begins.
fn name(
    input: &Input,
    at: usize,
    length: usize,
    start: usize,
    form: Form,
) -> Result<(Vec<u8>, usize), Problem> {
    if length == 0 || length > MAX_NAME {
        return Err(bad(at, "length of the name"));
    }
    let bytes = input.bytes(at, length, "name")?;
    let (&last, name) = bytes.split_last().ok_or_else(|| bad(at, "name"))?;
    if last != 0 || name.contains(&0) {
        return Err(bad(at, "end of the name"));
    }
    Ok((name.to_vec(), pad(at + length, start, form.unit())))
}
