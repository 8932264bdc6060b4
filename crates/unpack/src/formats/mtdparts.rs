// SPDX-License-Identifier: Apache-2.0
//! Whole flash memories whose division the boot loader's environment or a kernel's command line
//! tells: `mtdparts=spi0.0:256k(boot),1536k(kernel),-(rootfs)`.

use std::ops::Range;

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::gaps::{yield_gaps, yield_partitions};
use super::parts::printable;
use crate::{Claim, Family, Format, FormatDoc, Input, Output, Refusal, Scope};

/// The format.
pub(super) struct MtdParts;

static DOC: FormatDoc = FormatDoc {
    name: "mtdparts",
    title: "flash memory divided by mtdparts=",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[],
    reads: "sizes, offsets, names, the rest of the flash; the first table that fits the content's \
            size",
    limits: "only tables that stand in the content in plain text, and contents whose size is a \
             power of two or the sum of the table; memories of several chips",
    references: &["Linux drivers/mtd/parsers/cmdlinepart.c", "U-Boot doc/usage/cmd/mtd.rst"],
};

const KEY: &[u8] = b"mtdparts=";

/// Flash memories are not smaller, and end with an erase block.
const MIN_FLASH: usize = 256 << 10;
const ERASE_BLOCK: usize = 4096;

/// Tables that are tried, and the length of one.
const MAX_TABLES: usize = 64;
const MAX_TEXT: usize = 1024;

const MAX_PARTITIONS: usize = 64;

struct Table {
    text: String,
    partitions: Vec<(String, Range<usize>)>,
}

/// The first table in the content that divides exactly it.
fn find(input: &Input) -> Option<Table> {
    let whole = input.len();
    if whole < MIN_FLASH || !whole.is_multiple_of(ERASE_BLOCK) {
        return None;
    }
    let places = input.places(KEY);
    places.iter().take(MAX_TABLES).find_map(|at| {
        let text = input.tail(at + KEY.len());
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        let ends = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\'');
        let text = printable(text.split(ends).next()?);
        let chips = text.split(';');
        let mut tables = chips.filter_map(|chip| divide(chip.split_once(':')?.1, whole));
        let partitions = tables.next()?;
        Some(Table { text, partitions })
    })
}

/// The partitions of one chip of `whole` bytes, if they are those of such a chip.
fn divide(list: &str, whole: usize) -> Option<Vec<(String, Range<usize>)>> {
    let mut partitions = Vec::new();
    let mut at = 0_usize;
    let mut rest = false;
    for item in list.split(',') {
        let (size, name) = match item.split_once('(') {
            Some((size, name)) => (size, name.split(')').next()?.to_owned()),
            None => (item, format!("partition-{}", partitions.len())),
        };
        let (size, offset) = match size.split_once('@') {
            Some((size, offset)) => (size, Some(number(offset)?)),
            None => (size, None),
        };
        at = offset.unwrap_or(at);
        rest = size == "-";
        let size = if rest { whole.checked_sub(at)? } else { number(size)? };
        let end = at.checked_add(size)?;
        if size == 0
            || end > whole
            || !at.is_multiple_of(ERASE_BLOCK)
            || partitions.len() >= MAX_PARTITIONS
        {
            return None;
        }
        partitions.push((name, at..end));
        at = end;
    }
    let end = partitions.iter().map(|(_, range)| range.end).max()?;
    let fits = if rest { whole.is_power_of_two() } else { end == whole };
    (fits && partitions.len() >= 2).then_some(partitions)
}

/// As Linux's `memparse`: decimal, hexadecimal, with K, M or G.
fn number(text: &str) -> Option<usize> {
    let text = text.trim_end_matches(['r', 'o', 'l']);
    let (digits, shift) = match text.chars().last()? {
        'k' | 'K' => (&text[..text.len() - 1], 10),
        'm' | 'M' => (&text[..text.len() - 1], 20),
        'g' | 'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let value = match digits.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    value.checked_mul(1 << shift)
}

impl Format for MtdParts {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        find(input).filter(|_| start == 0).ok_or(Refusal("no table that fits"))?;
        Ok(Claim { start, end: input.len(), confidence: Confidence::Structure })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let table = find(input)
            .ok_or_else(|| Problem::new(ProblemCode::BadValue, claim.start as u64, "table"))?;
        output.attribute("mtdparts", &table.text);
        let mut used = Vec::new();
        // Some tables name the whole memory once more, after its parts.
        let whole = 0..input.len();
        let parts = table.partitions.into_iter().filter(|(_, range)| *range != whole);
        // A partition that overlaps an earlier one is another view of it, not damage.
        let mut seen: Vec<Range<usize>> = Vec::new();
        let parts: Vec<(String, Range<usize>)> = parts
            .filter(|(_, range)| {
                let new = seen.iter().all(|old| old.end <= range.start || range.end <= old.start);
                seen.push(range.clone());
                new
            })
            .collect();
        yield_partitions(parts, &mut used, output)?;
        used.push(0..0);
        yield_gaps(input, used, claim.end, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_must_fit_the_memory() {
        let list = "256k(boot),0x180000(kernel)ro,-(root)";
        let parts = divide(list, 8 << 20).unwrap_or_default();
        assert_eq!(parts[1], ("kernel".to_owned(), 0x4_0000..0x1c_0000));
        assert_eq!(parts[2].1, 0x1c_0000..8 << 20);
        // Neither a power of two nor the sum.
        assert_eq!(divide(list, 3 << 20), None);
        assert_eq!(divide("1m(a),1m(b)", 4 << 20), None);
        assert_eq!(divide("1m(a),1m@3m(b)", 4 << 20).map(|parts| parts.len()), Some(2));
    }

    #[test]
    fn numbers_are_those_of_memparse() {
        assert_eq!(number("64K"), Some(65536));
        assert_eq!(number("0x20000"), Some(131_072));
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(number("g"), None);
    }
}
