// SPDX-License-Identifier: Apache-2.0
//! U-Boot's legacy image: 64 bytes of header with a checksum, then one content or a list of them.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};

use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(super) struct Uimage;

static DOC: FormatDoc = FormatDoc {
    name: "uimage",
    title: "U-Boot legacy image",
    family: Family::Header,
    scope: Scope::Anywhere,
    magics: &[Magic::new(b"\x27\x05\x19\x56")],
    reads: "all types; multi-file images and scripts part by part; both checksums are checked",
    limits: "vendors that fill the header without its checksum are believed only if every field is in range",
    references: &["U-Boot include/image.h, boot/image.c (facts only)"],
};

const HEADER: usize = 64;

/// Image types that begin with a list of lengths (image.h, IH_TYPE_MULTI and IH_TYPE_SCRIPT).
const MULTI: u8 = 4;
const SCRIPT: u8 = 6;

/// Parts that a multi-file image may have.
const MAX_PARTS: usize = 64;

struct Header {
    checksum_holds: bool,
    time: u32,
    size: usize,
    load: u32,
    entry: u32,
    data_crc: u32,
    os: u8,
    arch: u8,
    kind: u8,
    compression: u8,
    name: [u8; 32],
}

impl Format for Uimage {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let header = parse(input, start)?;
        let end = start.saturating_add(HEADER).saturating_add(header.size);
        let confidence = if header.checksum_holds {
            Confidence::Checksum
        } else if is_plausible(&header) && end <= input.len() {
            Confidence::Structure
        } else {
            return Err(Refusal("header checksum"));
        };
        Ok(Claim { start, end: end.min(input.len()), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let header = parse(input, claim.start)?;
        describe(&header, output);
        if !header.checksum_holds {
            output.problem(bad_checksum(claim.start + 4, "header checksum"));
        }
        let data = claim.start + HEADER;
        let end = data.saturating_add(header.size);
        let whole = input.bytes(data, header.size, "data");
        if whole.is_ok_and(|bytes| crc32fast::hash(bytes) != header.data_crc) {
            output.problem(bad_checksum(claim.start + 24, "data checksum"));
        }
        match header.kind {
            MULTI | SCRIPT => yield_list(input, data, end, &header, output),
            _ => output.part(part_name(header.kind), data..end),
        }
    }
}

fn bad_checksum(offset: usize, subject: &'static str) -> Problem {
    Problem::new(ProblemCode::BadChecksum, offset as u64, subject)
}

fn parse(input: &Input, start: usize) -> Result<Header, Problem> {
    let field = |at: usize, name| input.u32(start + at, Endian::Big, name);
    let mut bytes: [u8; HEADER] = input.array(start, "image header")?;
    bytes[4..8].fill(0);
    Ok(Header {
        checksum_holds: crc32fast::hash(&bytes) == field(4, "header checksum")?
            && bytes[..4] == [0x27, 0x05, 0x19, 0x56],
        time: field(8, "time")?,
        size: input.size32(start + 12, Endian::Big, "data size")?,
        load: field(16, "load address")?,
        entry: field(20, "entry point")?,
        data_crc: field(24, "data checksum")?,
        os: bytes[28],
        arch: bytes[29],
        kind: bytes[30],
        compression: bytes[31],
        name: input.array(start + 32, "name")?,
    })
}

/// Every enumeration in its range, and a name that is text padded with zeros.
fn is_plausible(header: &Header) -> bool {
    let text = header.name.iter().take_while(|&&byte| byte != 0).count();
    let printable = header.name[..text].iter().all(|byte| (0x20..0x7f).contains(byte));
    let padded = header.name[text..].iter().all(|&byte| byte == 0);
    let ranges = (1..=28).contains(&header.os)
        && (1..=27).contains(&header.arch)
        && (1..=48).contains(&header.kind)
        && header.compression <= 6;
    ranges && printable && padded && text > 0 && header.size > 0
}

fn describe(header: &Header, output: &mut Output<'_>) {
    output.attribute("name", printable(&header.name));
    output.attribute("os", name_of(OS, header.os));
    output.attribute("architecture", name_of(ARCHITECTURES, header.arch));
    output.attribute("type", name_of(TYPES, header.kind));
    output.attribute("compression", name_of(COMPRESSIONS, header.compression));
    output.attribute("load-address", format_args!("{:#010x}", header.load));
    output.attribute("entry-point", format_args!("{:#010x}", header.entry));
    output.attribute("time", header.time);
}

/// Lengths up to a zero, then the contents, each padded to 4 bytes.
fn yield_list(
    input: &Input,
    data: usize,
    end: usize,
    header: &Header,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let mut sizes = Vec::new();
    loop {
        let at = data + sizes.len() * 4;
        let size = input.size32(at, Endian::Big, "length of a part")?;
        if size == 0 {
            break;
        }
        sizes.push(size);
        if sizes.len() > MAX_PARTS || at + 4 > end {
            let problem = Problem::new(ProblemCode::BadValue, at as u64, "list of lengths");
            output.problem(problem.because("has no end"));
            return output.part(part_name(header.kind), data..end);
        }
    }
    let mut at = data + (sizes.len() + 1) * 4;
    for (index, &size) in sizes.iter().enumerate() {
        let next = at.saturating_add(size);
        output.part(format!("{}-{index}", part_name(header.kind)), at..next.min(end))?;
        if next > end {
            let problem = Problem::new(ProblemCode::Truncated, at as u64, "part");
            output.problem(problem.because(format!("{size} bytes leave the image")));
            break;
        }
        at = next.saturating_add(3) & !3;
    }
    Ok(())
}

fn part_name(kind: u8) -> &'static str {
    match kind {
        2 => "kernel",
        3 => "ramdisk",
        MULTI => "part",
        5 => "firmware",
        SCRIPT => "script",
        7 => "filesystem",
        8 => "device-tree",
        _ => "payload",
    }
}

fn name_of(names: &[&'static str], code: u8) -> String {
    match names.get(usize::from(code)) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ => code.to_string(),
    }
}

// Names of U-Boot's boot/image.c, by number.
const OS: &[&str] = &[
    "invalid",
    "openbsd",
    "netbsd",
    "freebsd",
    "4_4bsd",
    "linux",
    "svr4",
    "esix",
    "solaris",
    "irix",
    "sco",
    "dell",
    "ncr",
    "lynxos",
    "vxworks",
    "psos",
    "qnx",
    "u-boot",
    "rtems",
    "artos",
    "unity",
    "integrity",
    "ose",
    "plan9",
    "openrtos",
    "arm-trusted-firmware",
    "tee",
    "opensbi",
    "efi",
];
const ARCHITECTURES: &[&str] = &[
    "invalid",
    "alpha",
    "arm",
    "x86",
    "ia64",
    "mips",
    "mips64",
    "ppc",
    "s390",
    "sh",
    "sparc",
    "sparc64",
    "m68k",
    "nios",
    "microblaze",
    "nios2",
    "blackfin",
    "avr32",
    "st200",
    "sandbox",
    "nds32",
    "or1k",
    "arm64",
    "arc",
    "x86_64",
    "xtensa",
    "riscv",
    "loongarch",
];
const TYPES: &[&str] = &[
    "invalid",
    "standalone",
    "kernel",
    "ramdisk",
    "multi",
    "firmware",
    "script",
    "filesystem",
    "flat_dt",
    "kwbimage",
    "imximage",
    "ublimage",
    "omapimage",
    "aisimage",
    "kernel_noload",
    "pblimage",
    "mxsimage",
    "gpimage",
    "atmelimage",
    "socfpgaimage",
    "x86_setup",
    "lpc32xximage",
    "loadable",
    "rkimage",
    "rksd",
    "rkspi",
    "zynqimage",
    "zynqmpimage",
    "zynqmpbif",
    "fpga",
];
const COMPRESSIONS: &[&str] = &["none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd"];
