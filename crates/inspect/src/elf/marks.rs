// SPDX-License-Identifier: Apache-2.0
//! Texts that tell the C library, the compiler and the run-time checks of a file that says it in
//! no table. One pass over the bytes, and only over files that need it.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    GlibcBanner,
    Glibc,
    UClibc,
    MuslBanner,
    Musl,
    Bionic,
    StackCheckMessage,
    FortifyMessage,
    Gcc,
    Clang,
    LinuxBanner,
    ModuleMagic,
}

/// The texts. Each was seen in the sources of the project that it names.
const TEXTS: &[(Mark, &str)] = &[
    (Mark::GlibcBanner, "GNU C Library ("),
    (Mark::Glibc, "GLIBC_TUNABLES"),
    (Mark::Glibc, "LIBC_FATAL_STDERR_"),
    (Mark::Glibc, "Fatal glibc error"),
    (Mark::Glibc, "glibc detected"),
    (Mark::UClibc, "uClibc"),
    (Mark::MuslBanner, "musl libc ("),
    (Mark::Musl, "-0X+0X 0X-0x+0x 0x"),
    (Mark::Musl, "No error information"),
    (Mark::Bionic, "stack corruption detected (-fstack-protector)"),
    (Mark::StackCheckMessage, "stack smashing detected"),
    (Mark::FortifyMessage, "buffer overflow detected"),
    (Mark::Gcc, "GCC: ("),
    (Mark::Clang, "clang version "),
    (Mark::LinuxBanner, "Linux version "),
    (Mark::ModuleMagic, "vermagic="),
];

/// Patterns cannot fail to build: they are fixed and few.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let texts = TEXTS.iter().map(|(_, text)| text);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(texts).ok()
});

/// At most this many places of compilers are kept: each linked object may have one.
const MOST_PLACES: usize = 64;

/// Where the texts are.
#[derive(Debug)]
pub(super) struct Marks {
    places: Vec<(Mark, u64)>,
    /// How many more places of each mark are kept.
    room: [usize; TEXTS.len()],
    /// Was the file searched at all?
    pub(super) searched: bool,
}

impl Default for Marks {
    fn default() -> Self {
        Self { places: Vec::new(), room: [MOST_PLACES; TEXTS.len()], searched: false }
    }
}

impl Marks {
    /// Searches for every text.
    pub(super) fn find(content: &[u8]) -> Self {
        let mut marks = Self { searched: SEARCH.is_some(), ..Self::default() };
        for hit in SEARCH.iter().flat_map(|search| search.find_iter(content)) {
            if let Some((mark, _)) = TEXTS.get(hit.pattern().as_usize()) {
                marks.add(*mark, hit.start() as u64);
            }
        }
        marks
    }

    /// Searches for compilers only.
    pub(super) fn find_compilers(content: &[u8]) -> Self {
        let mut marks = Self::default();
        for at in memchr::memmem::find_iter(content, "GCC: (").take(MOST_PLACES) {
            marks.add(Mark::Gcc, at as u64);
        }
        marks
    }

    fn add(&mut self, mark: Mark, at: u64) {
        let Some(room) = self.room.get_mut(mark as usize) else { return };
        if *room > 0 {
            *room -= 1;
            self.places.push((mark, at));
        }
    }

    /// Offsets of a mark, ascending.
    pub(super) fn of(&self, mark: Mark) -> impl Iterator<Item = u64> {
        self.places.iter().filter(move |(found, _)| *found == mark).map(|(_, at)| *at)
    }

    /// The first offset of a mark.
    pub(super) fn first(&self, mark: Mark) -> Option<u64> {
        self.of(mark).next()
    }

    /// Is the mark known not to be there?
    pub(super) fn lacks(&self, mark: Mark) -> bool {
        self.searched && self.first(mark).is_none()
    }
}
