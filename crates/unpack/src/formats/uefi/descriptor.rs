// SPDX-License-Identifier: Apache-2.0
//! Intel's flash descriptor: the regions of a PC's flash memory.

use kakoi_model::{Confidence, Problem};

use super::super::gaps::{yield_gaps, yield_partitions};
use super::LITTLE;
use crate::{Claim, Family, Format, FormatDoc, Input, Magic, Output, Refusal, Scope};

/// The format.
pub(in crate::formats) struct IntelFlash;

static DOC: FormatDoc = FormatDoc {
    name: "intel-flash",
    title: "flash memory with Intel's descriptor",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[Magic::at(16, b"\x5a\xa5\xf0\x0f"), Magic::new(b"\x5a\xa5\xf0\x0f")],
    reads: "up to sixteen regions, by name",
    limits: "soft straps, access rights and components are not given",
    references: &["Intel, 9 Series Chipset datasheet, section 5.28, SPI flash descriptor"],
};

/// The descriptor has this many bytes.
const DESCRIPTOR: usize = 4096;

const REGIONS: [&str; 9] =
    ["descriptor", "bios", "me", "gbe", "platform-data", "device-expansion", "bios-2", "cpu", "ec"];

struct Region {
    name: String,
    first: usize,
    end: usize,
}

/// The regions in use. Fields count in pages of 4 KiB; one that ends before it begins is unused.
fn read_regions(input: &Input, start: usize) -> Result<Vec<Region>, Refusal> {
    input.bytes(start, DESCRIPTOR, "descriptor")?;
    let magic = b"\x5a\xa5\xf0\x0f";
    let at = if input.tail(start + 16).starts_with(magic) { start + 16 } else { start };
    let map = input.u32(at + 4, LITTLE, "map")?;
    let table = start + ((map >> 16 & 0xff) << 4) as usize;
    let mut regions = Vec::new();
    for index in 0..16 {
        let field = input.u32(table + index * 4, LITTLE, "region")?;
        let (first, last) = ((field & 0x7fff) as usize, (field >> 16 & 0x7fff) as usize);
        if field == 0xffff_ffff || first > last || (index > 0 && field == 0) {
            continue;
        }
        let name = REGIONS.get(index).map_or_else(|| format!("region-{index}"), |it| (*it).into());
        regions.push(Region { name, first: first << 12, end: (last + 1) << 12 });
    }
    Ok(regions)
}

/// Regions that lie in the content, one behind the other: what follows the table in old descriptors
/// does not.
fn sound_regions(input: &Input, start: usize) -> Result<Vec<Region>, Refusal> {
    let length = input.len() - start.min(input.len());
    let mut sound: Vec<Region> = Vec::new();
    for region in read_regions(input, start)? {
        let overlaps = |other: &Region| other.first < region.end && region.first < other.end;
        if region.end <= length && !sound.iter().any(overlaps) {
            sound.push(region);
        }
    }
    Ok(sound)
}

impl Format for IntelFlash {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        let regions = sound_regions(input, start)?;
        let is_descriptor = |region: &Region| region.first == 0 && region.end == DESCRIPTOR;
        if regions.len() < 2 || !regions.first().is_some_and(is_descriptor) {
            return Err(Refusal("regions"));
        }
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let regions = sound_regions(input, claim.start).unwrap_or_default();
        let parts = regions
            .into_iter()
            .map(|region| (region.name, claim.start + region.first..claim.start + region.end));
        let mut used = Vec::new();
        yield_partitions(parts, &mut used, output)?;
        yield_gaps(input, used, claim.end, output)
    }
}
