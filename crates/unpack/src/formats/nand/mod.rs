// SPDX-License-Identifier: Apache-2.0
//! Dumps of NAND flash with the spare bytes of each page, as programmers of chips and `nanddump
//! --oob` read them.
//!
//! A dump has no header: what it is shows in its columns. Either the spare bytes hold the Hamming
//! code of the page, which no other content does; or, for the codes of controllers, some columns
//! are erased on every page, others vary from page to page, and erased pages are erased altogether.
//! Anything less is not taken for a dump. Dumps of YAFFS keep their spare bytes: it needs them.

use std::collections::HashSet;
use std::io::Write;

use kakoi_model::{Confidence, Problem, ProblemCode};

use super::yaffs::Yaffs;
use crate::{Claim, Family, Format, FormatDoc, Input, Output, Refusal, Scope};

mod hamming;

/// The format.
pub(super) struct NandDump;

static DOC: FormatDoc = FormatDoc {
    name: "nand-dump",
    title: "dump of NAND flash with spare bytes",
    family: Family::Partition,
    scope: Scope::Start,
    magics: &[],
    reads: "pages of 512 bytes to 16 KiB with 16 to 1280 spare bytes behind each; the Hamming code \
            of Linux and SmartMedia wherever it lies in the spare bytes, by which single bits are \
            mended; bad blocks are left out",
    limits: "codes of controllers (BCH, Reed-Solomon) are recognised but not checked; layouts that \
             put spare bytes between the sectors of a page; dumps of fewer than 16 written pages",
    references: &["Linux drivers/mtd/nand/ecc-sw-hamming.c (facts only)", "nanddump(8)"],
};

/// Bytes of a page, and of its spare area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    page: usize,
    spare: usize,
}

const LAYOUTS: &[Layout] = &[
    Layout { page: 2048, spare: 64 },
    Layout { page: 512, spare: 16 },
    Layout { page: 2048, spare: 128 },
    Layout { page: 4096, spare: 128 },
    Layout { page: 4096, spare: 218 },
    Layout { page: 4096, spare: 224 },
    Layout { page: 4096, spare: 256 },
    Layout { page: 8192, spare: 448 },
    Layout { page: 8192, spare: 640 },
    Layout { page: 16384, spare: 1280 },
];

impl Layout {
    const fn chunk(self) -> usize {
        self.page + self.spare
    }

    /// Pages of an erase block.
    const fn block_pages(self) -> usize {
        if self.page == 512 { 32 } else { 64 }
    }

    const fn block(self) -> usize {
        self.block_pages() * self.chunk()
    }

    /// Where the manufacturer marks a bad block, in the spare bytes of its first two pages.
    const fn marker(self) -> usize {
        if self.page == 512 { 5 } else { 0 }
    }

    fn pages(self, dump: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
        dump.chunks_exact(self.chunk()).map(move |chunk| chunk.split_at(self.page))
    }
}

/// What shows that a content is a dump.
struct Evidence {
    layout: Layout,
    /// The column of each byte of the Hamming code, if there is one.
    columns: Option<Vec<usize>>,
}

/// Pages that are looked at.
const SAMPLE: usize = 512;

/// Written pages without which nothing is said; and those for a code that cannot be checked.
const MIN_WRITTEN: usize = 16;
const MIN_WRITTEN_UNCHECKED: usize = 64;

/// Shortest code of a controller: BCH for four bits in 512 bytes.
const MIN_CODE: usize = 7;

fn find_evidence(input: &Input) -> Option<Evidence> {
    let fits = |layout: &&Layout| !input.is_empty() && input.len().is_multiple_of(layout.block());
    LAYOUTS.iter().filter(fits).find_map(|&layout| weigh(input.as_slice(), layout))
}

fn weigh(dump: &[u8], layout: Layout) -> Option<Evidence> {
    let count = dump.len() / layout.chunk();
    let step = count.div_ceil(SAMPLE).max(1);
    let (mut written, mut contents, mut erased) = (Vec::new(), HashSet::new(), 0_usize);
    let mut torn = 0_usize;
    for (page, spare) in layout.pages(dump).step_by(step) {
        match (is_erased(page), is_erased(spare)) {
            (true, true) => erased += 1,
            (true, false) => torn += 1,
            // The same page again shows nothing new.
            (false, _) if contents.insert(page) => written.push((page, spare)),
            (false, _) => {}
        }
    }
    // An erased page has erased spare bytes, but for bad blocks and what a file system notes there.
    if torn > (erased + written.len()) / 8 || written.len() < MIN_WRITTEN {
        return None;
    }
    let columns = hamming::find_columns(layout.page, layout.spare, &written);
    if columns.is_some() || has_unknown_code(layout, &written) {
        return Some(Evidence { layout, columns });
    }
    None
}

fn is_erased(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0xff)
}

/// Columns that are erased on all pages, the bad block marker among them, and enough of those that
/// differ from page to page.
fn has_unknown_code(layout: Layout, written: &[(&[u8], &[u8])]) -> bool {
    if written.len() < MIN_WRITTEN_UNCHECKED {
        return false;
    }
    let (mut erased, mut varied) = (HashSet::new(), 0);
    for column in 0..layout.spare {
        let values = written.iter().filter_map(|(_, spare)| spare.get(column).copied());
        let distinct: HashSet<u8> = values.clone().collect();
        if values.filter(|&byte| byte != 0xff).count() * 100 <= written.len() {
            erased.insert(column);
        }
        if distinct.len() * 3 >= written.len().min(192) {
            varied += 1;
        }
    }
    erased.contains(&layout.marker()) && erased.len() >= 2 && varied >= MIN_CODE
}

impl Format for NandDump {
    fn doc(&self) -> &'static FormatDoc {
        &DOC
    }

    fn identify(&self, input: &Input, start: usize) -> Result<Claim, Refusal> {
        if start != 0 {
            return Err(Refusal("not at the start"));
        }
        let evidence = find_evidence(input).ok_or(Refusal("no columns of spare bytes"))?;
        if Yaffs.identify(input, 0).is_ok() {
            return Err(Refusal("YAFFS keeps its spare bytes"));
        }
        let confidence = match evidence.columns {
            Some(_) => Confidence::Checksum,
            None => Confidence::Structure,
        };
        Ok(Claim { start, end: input.len(), confidence })
    }

    fn open(&self, input: &Input, claim: &Claim, output: &mut Output<'_>) -> Result<(), Problem> {
        let bad = || Problem::new(ProblemCode::BadValue, claim.start as u64, "spare bytes");
        let Evidence { layout, columns } = find_evidence(input).ok_or_else(bad)?;
        output.attribute("page-size", layout.page);
        output.attribute("spare-size", layout.spare);
        output.attribute("ecc", if columns.is_some() { "hamming" } else { "unknown" });
        let mut spool = output.spool();
        let mut seen = Seen::default();
        for (number, block) in input.as_slice().chunks_exact(layout.block()).enumerate() {
            if is_bad(layout, block) {
                seen.bad.push(number);
                continue;
            }
            for (page, spare) in layout.pages(block) {
                let mended = match &columns {
                    Some(columns) if !is_erased(page) => mend(page, spare, columns, &mut seen),
                    _ => None,
                };
                let written = spool.write_all(mended.as_deref().unwrap_or(page));
                written.map_err(|error| {
                    let problem = Problem::new(ProblemCode::SizeLimit, 0, "pages");
                    problem.because(error.to_string())
                })?;
            }
        }
        seen.tell(output);
        let content = spool.finish().map_err(|error| {
            Problem::new(ProblemCode::SizeLimit, 0, "pages").because(error.to_string())
        })?;
        output.payload("pages", content)
    }
}

/// What was met on the way.
#[derive(Default)]
struct Seen {
    bad: Vec<usize>,
    mended: usize,
    beyond: usize,
}

impl Seen {
    fn tell(&self, output: &mut Output<'_>) {
        let numbers: Vec<String> = self.bad.iter().take(64).map(ToString::to_string).collect();
        output.attribute("bad-blocks", numbers.join(" "));
        output.attribute("mended-bits", self.mended);
        if self.beyond > 0 {
            let problem = Problem::new(ProblemCode::BadChecksum, 0, "error correction");
            let words = format!("{} stretches of 256 bytes beyond one wrong bit", self.beyond);
            output.problem(problem.because(words));
        }
    }
}

/// Two bits cleared in the marker: one may have fallen by itself.
fn is_bad(layout: Layout, block: &[u8]) -> bool {
    layout.pages(block).take(2).any(|(_, spare)| {
        spare.get(layout.marker()).is_some_and(|marker| marker.count_zeros() >= 2)
    })
}

/// The page with its wrong bits put right; none when all are right.
fn mend(page: &[u8], spare: &[u8], columns: &[usize], seen: &mut Seen) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    for (step, (bytes, columns)) in
        page.chunks_exact(hamming::STEP).zip(columns.chunks_exact(3)).enumerate()
    {
        let stored = [0, 1, 2].map(|byte| {
            columns.get(byte).and_then(|&column| spare.get(column)).copied().unwrap_or(0xff)
        });
        match hamming::compare(hamming::code(bytes), stored) {
            hamming::Outcome::Right => {}
            hamming::Outcome::Beyond => seen.beyond += 1,
            hamming::Outcome::Flipped { byte, bit } => {
                let mended = mended.get_or_insert_with(|| page.to_vec());
                if let Some(byte) = mended.get_mut(step * hamming::STEP + byte) {
                    *byte ^= 1 << bit;
                    seen.mended += 1;
                }
            }
        }
    }
    mended
}
