// SPDX-License-Identifier: Apache-2.0
//! TP-Link's firmware headers of 512 bytes: version 1 (most routers up to 2015), version 2 and 3
//! (later ones), alone or with a boot loader between two of them.

use kakoi_model::{Confidence, Endian, Problem, ProblemCode};
use md5::{Digest as _, Md5};

use super::parts::{Part, printable, yield_parts};
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

mod rtos;
mod safeloader;

pub(super) use rtos::TplinkRtos;
pub(super) use safeloader::Safeloader;

/// Version 1.
pub(super) struct TplinkV1;

/// Versions 2 and 3.
pub(super) struct TplinkV2;

static V1: FormatDoc = FormatDoc {
    name: "tplink-v1",
    title: "TP-Link firmware header, version 1",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x01\0\0\0TP-LINK"), Magic::new(b"\x01\0\0\0OpenWrt")],
    reads: "boot loader, inner image, kernel, root file system; the salted MD5 is checked",
    limits: "the signature of later images is not checked",
    references: &["OpenWrt tools/firmware-utils/src/mktplinkfw.c (facts only)"],
};

static V2: FormatDoc = FormatDoc {
    name: "tplink-v2",
    title: "TP-Link firmware header, versions 2 and 3",
    family: Family::Header,
    scope: Scope::Aligned(4),
    magics: &[Magic::new(b"\x02\0\0\0ver. "), Magic::new(b"\x03\0\0\0ver. ")],
    reads: "boot loader, inner image, kernel, root file system; the salted MD5 is checked",
    limits: "the signature is not checked; not all vendors' salts are public",
    references: &["OpenWrt tools/firmware-utils/src/mktplinkfw2.c (facts only)"],
};

const HEADER: usize = 512;

/// Stands in for the MD5 while it is computed (mktplinkfw.c, mktplinkfw2.c): first without, then
/// with a boot loader in the image.
const SALTS: [[[u8; 16]; 2]; 2] = [
    [
        *b"\xdc\xd7\x3a\xa5\xc3\x95\x98\xfb\xdd\xf9\xe7\xf4\x0e\xae\x47\x38",
        *b"\x8c\xef\x33\x5b\xd5\xc5\xce\xfa\xa7\x9c\x28\xda\xb2\xe9\x0f\x42",
    ],
    [
        *b"\xdc\xd7\x3a\xa5\xc3\x95\x98\xfb\xdc\xf9\xe7\xf4\x0e\xae\x47\x37",
        *b"\x8c\xef\x33\x5f\xd5\xc5\xce\xfa\xac\x9c\x28\xda\xb2\xe9\x0f\x42",
    ],
];

/// Where the fields of a version lie.
struct Layout {
    vendor: Option<(usize, usize)>,
    firmware_version: (usize, usize),
    hardware: usize,
    md5: usize,
    /// The nine numbers from the kernel's load address on.
    numbers: usize,
    salts: &'static [[u8; 16]; 2],
}

const LAYOUT_V1: Layout = Layout {
    vendor: Some((0x04, 24)),
    firmware_version: (0x1c, 36),
    hardware: 0x40,
    md5: 0x4c,
    numbers: 0x74,
    salts: &SALTS[0],
};

const LAYOUT_V2: Layout = Layout {
    vendor: None,
    firmware_version: (0x04, 48),
    hardware: 0x34,
    md5: 0x40,
    numbers: 0x68,
    salts: &SALTS[1],
};

struct Header {
    load: u32,
    entry: u32,
    length: usize,
    kernel: (usize, usize),
    rootfs: (usize, usize),
    boot: (usize, usize),
}

impl Format for TplinkV1 {
    fn doc(&self) -> &'static FormatDoc {
        &V1
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        identify(&LAYOUT_V1, input, start)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        open(&LAYOUT_V1, input, claim, output)
    }
}

impl Format for TplinkV2 {
    fn doc(&self) -> &'static FormatDoc {
        &V2
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        identify(&LAYOUT_V2, input, start)
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        open(&LAYOUT_V2, input, claim, output)
    }
}

fn identify(layout: &Layout, input: &Input, start: usize) -> Result<Claim, Refusal> {
    let header = parse(layout, input, start)?;
    let (at, length) = layout.firmware_version;
    let named = is_text(input.bytes(start + at, length, "firmware version")?);
    let vendor = layout.vendor.map(|(at, length)| input.bytes(start + at, length, "vendor"));
    let vendor = vendor.transpose()?.is_none_or(is_text);
    let within = |(offset, length): (usize, usize)| {
        offset.saturating_add(length) <= header.length.saturating_add(HEADER)
    };
    let sane = header.length > HEADER
        && header.kernel.0 >= HEADER
        && header.kernel.1 > 0
        && within(header.kernel)
        && within(header.rootfs)
        && within(header.boot);
    if !named || !vendor || !sane {
        return Err(Refusal("fields out of range"));
    }
    let end = start.saturating_add(header.length).min(input.len());
    Ok(Claim { start, end, confidence: Confidence::Structure })
}

/// Text of at least three characters, then zeros or ones to the end of the field.
fn is_text(field: &[u8]) -> bool {
    let text = field.iter().take_while(|byte| (0x20..0x7f).contains(*byte)).count();
    let rest = &field[text..];
    text >= 3 && rest.iter().all(|&byte| matches!(byte, 0 | 0xff))
}

fn parse(layout: &Layout, input: &Input, start: usize) -> Result<Header, Problem> {
    input.bytes(start, HEADER, "header")?;
    let word =
        |index: usize, name| input.u32(start + layout.numbers + index * 4, Endian::Big, name);
    let size = |index: usize, name| {
        word(index, name).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    };
    Ok(Header {
        load: word(0, "load address")?,
        entry: word(1, "entry point")?,
        length: size(2, "image length")?,
        kernel: (size(3, "kernel offset")?, size(4, "kernel length")?),
        rootfs: (size(5, "root file system offset")?, size(6, "root file system length")?),
        boot: (size(7, "boot loader offset")?, size(8, "boot loader length")?),
    })
}

fn open(
    layout: &Layout,
    input: &Input,
    claim: &Claim,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    let start = claim.start;
    let header = parse(layout, input, start)?;
    describe(layout, input, start, &header, output)?;
    let whole = start.saturating_add(header.length);
    if whole > input.len() {
        let problem = Problem::new(ProblemCode::Truncated, start as u64, "image length");
        output.problem(problem.because(format!("ends at 0x{whole:x}")));
    } else if is_signed_with_salt(layout, input, start, header.length) {
        output.confirm(Confidence::Checksum);
        output.attribute("md5", "matches");
    } else {
        // Not a problem: some images use salts that are not public.
        output.attribute("md5", "unknown salt");
    }
    let inner = find_inner(input, start, claim.end);
    let mut parts = Vec::new();
    if let Some(inner) = inner {
        parts.push(Part::new("boot-loader", start + HEADER..inner));
        parts.push(Part::new("firmware", inner..claim.end));
    } else {
        for (name, (offset, length)) in
            [("kernel", header.kernel), ("rootfs", header.rootfs), ("boot-loader", header.boot)]
        {
            let from = start.saturating_add(offset);
            let to = from.saturating_add(length);
            // What a truncated image lacks is reported once, not for each part.
            if length > 0 && offset >= HEADER && to <= whole && from < claim.end {
                parts.push(Part::new(name, from..to.min(claim.end)));
            }
        }
        join_overlaps(&mut parts);
        stretch_last(input, claim.end, &mut parts);
    }
    yield_parts(input, start + HEADER..claim.end, parts, output)
}

/// OpenWrt's images name a kernel that reaches into the field of the root file system, whose own
/// offset is that of the vendor's layout. One part is then right where two would be wrong.
fn join_overlaps(parts: &mut Vec<Part>) {
    parts.sort_by_key(|part| part.range.start);
    let overlap = parts.windows(2).any(|pair| pair[0].range.end > pair[1].range.start);
    if let (true, Some(first), Some(end)) =
        (overlap, parts.first(), parts.iter().map(|part| part.range.end).max())
    {
        *parts = vec![Part::new("kernel-and-rootfs", first.range.start..end)];
    }
}

/// The length of the root file system is often too short: no boot loader needs it. What follows is
/// the rest of it, unless it is padding.
fn stretch_last(input: &Input, end: usize, parts: &mut [Part]) {
    let Some(last) = parts.iter_mut().max_by_key(|part| part.range.end) else { return };
    let rest = input.as_slice().get(last.range.end..end).unwrap_or_default();
    if rest.iter().any(|&byte| byte != rest[0]) {
        last.range.end = end;
    }
}

fn describe(
    layout: &Layout,
    input: &Input,
    start: usize,
    header: &Header,
    output: &mut Output<'_>,
) -> Result<(), Problem> {
    if let Some((at, length)) = layout.vendor {
        output.attribute("vendor", printable(input.bytes(start + at, length, "vendor")?));
    }
    let (at, length) = layout.firmware_version;
    let version = printable(input.bytes(start + at, length, "firmware version")?);
    output.attribute("firmware-version", version);
    output.attribute("version", input.u32(start, Endian::Little, "header version")?);
    let hardware = input.u32(start + layout.hardware, Endian::Big, "hardware")?;
    let revision = input.u32(start + layout.hardware + 4, Endian::Big, "hardware revision")?;
    output.attribute("hardware", format_args!("{hardware:#010x}"));
    output.attribute("hardware-revision", revision);
    // Addresses are in the byte order of the processor, and MIPS kernels lie in KSEG0.
    let swapped = header.load >> 28 != 8 && header.load.swap_bytes() >> 28 == 8;
    let native = |value: u32| if swapped { value.swap_bytes() } else { value };
    output.attribute("byte-order", if swapped { "little" } else { "big" });
    output.attribute("load-address", format_args!("{:#010x}", native(header.load)));
    output.attribute("entry-point", format_args!("{:#010x}", native(header.entry)));
    Ok(())
}

fn is_signed_with_salt(layout: &Layout, input: &Input, start: usize, length: usize) -> bool {
    let (Ok(image), Ok(sum)) =
        (input.bytes(start, length, "image"), input.array::<16>(start + layout.md5, "MD5"))
    else {
        return false;
    };
    layout.salts.iter().any(|salt| {
        let mut md5 = Md5::new();
        md5.update(&image[..layout.md5]);
        md5.update(salt);
        md5.update(&image[layout.md5 + 16..]);
        md5.finalize().as_slice() == sum
    })
}

/// With a boot loader in front, the header is repeated behind it: the same version and hardware, at
/// a multiple of 64 KiB after the first one.
fn find_inner(input: &Input, start: usize, end: usize) -> Option<usize> {
    let outer = input.bytes(start, 0x4c, "header").ok()?;
    let mut at = start + HEADER;
    for _ in 0..8 {
        at += 0x1_0000;
        if at + HEADER >= end {
            return None;
        }
        if input.bytes(at, 0x40, "inner header").ok()? == &outer[..0x40] {
            return Some(at);
        }
    }
    None
}
