// SPDX-License-Identifier: Apache-2.0
//! The facts of one scan, indexed for rules: which files are programs, and how exposed they are.

use std::collections::{BTreeMap, HashMap, HashSet};

use kakoi_model::{
    ContainerId, Digest, ElfFacts, ElfRole, Facts, File, FileKind, FileRef, ImagePath, Severity,
    StartMechanism, unescape,
};

use crate::rule::Boot;

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

/// Facts and what rules ask of them.
pub(crate) struct Scan<'a> {
    pub(crate) facts: &'a Facts,
    /// When the scan ran, seconds since 1970-01-01 UTC.
    pub(crate) time: Option<i64>,
    /// Programs and libraries, one per path and container.
    pub(crate) binaries: Vec<Binary<'a>>,
    exposure: HashMap<FileRef, Exposure>,
    places: HashMap<Digest, &'a File>,
}

/// A program or library at one place.
pub(crate) struct Binary<'a> {
    pub(crate) file: &'a File,
    pub(crate) place: FileRef,
    pub(crate) elf: &'a ElfFacts,
    pub(crate) exposure: Exposure,
}

/// How near an attacker is to a file, nearest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exposure {
    /// Nothing was seen that starts it.
    Dormant,
    /// It runs at boot, or a program that runs at boot loads it.
    Boots,
    /// The same, and that program listens.
    Listens,
}

impl Exposure {
    /// `base` for what lies there, one step worse at boot, two where it listens; never critical,
    /// which is kept for open doors.
    pub(crate) fn graded(self, base: Severity) -> Severity {
        let steps = match self {
            Self::Dormant => 0,
            Self::Boots => 1,
            Self::Listens => 2,
        };
        (0..steps).fold(base, |severity, _| worse(severity))
    }
}

impl Binary<'_> {
    /// See [`Exposure::graded`].
    pub(crate) fn graded(&self, base: Severity) -> Severity {
        self.exposure.graded(base)
    }

    pub(crate) fn boot(&self) -> Boot {
        if self.exposure > Exposure::Dormant { Boot::Starts } else { Boot::NotSeen }
    }

    /// The beginning of a sentence about it.
    pub(crate) fn described(&self) -> &'static str {
        match (self.elf.role, self.exposure) {
            (ElfRole::Library, Exposure::Listens) => {
                "This library, which a listening program loads,"
            }
            (ElfRole::Library, Exposure::Boots) => {
                "This library, which a program that starts at boot loads,"
            }
            (ElfRole::Library, Exposure::Dormant) => "This library",
            (_, Exposure::Listens) => "This program, which starts at boot and listens,",
            (_, Exposure::Boots) => "This program, which starts at boot,",
            (_, Exposure::Dormant) => "This program",
        }
    }

    /// Does it run with the rights of root whoever starts it?
    pub(crate) fn is_setuid_root(&self) -> bool {
        self.file.mode.is_some_and(|mode| mode & 0o4000 != 0) && self.file.uid.unwrap_or(0) == 0
    }
}

fn worse(severity: Severity) -> Severity {
    match severity {
        Severity::Info => Severity::Low,
        Severity::Low => Severity::Medium,
        _ => Severity::High,
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let mut places = HashMap::new();
        for file in facts.files() {
            if let Some(digest) = file.digest() {
                places.entry(digest).or_insert(file);
            }
        }
        let elves: HashMap<Digest, &ElfFacts> =
            facts.elves().map(|elf| (elf.digest, &elf.facts)).collect();
        let exposure = Spread::new(facts, &elves).run();
        let binaries = find_binaries(facts, &elves, &exposure);
        let time = facts.image().and_then(|image| image.scanned_at);
        Self { facts, time, binaries, exposure, places }
    }

    /// The first file with this content.
    pub(crate) fn first_place(&self, digest: Digest) -> Option<FileRef> {
        self.places.get(&digest).map(|file| file.place())
    }

    /// How exposed a file is.
    pub(crate) fn exposure(&self, place: &FileRef) -> Exposure {
        self.exposure.get(place).copied().unwrap_or(Exposure::Dormant)
    }

    /// Is the file run, or named as a step, on the way from init to any program?
    pub(crate) fn boot_steps(&self) -> HashSet<&'a FileRef> {
        let steps = self.facts.start_ups().flat_map(|start| {
            start.chain.iter().filter_map(|step| step.file.as_ref()).chain(start.program.as_ref())
        });
        steps.collect()
    }
}

fn find_binaries<'a>(
    facts: &'a Facts,
    elves: &HashMap<Digest, &'a ElfFacts>,
    exposure: &HashMap<FileRef, Exposure>,
) -> Vec<Binary<'a>> {
    let binary = |file: &'a File| {
        let elf = *elves.get(&file.digest()?)?;
        if !matches!(elf.role, ElfRole::Executable | ElfRole::Library) {
            return None;
        }
        let place = file.place();
        let exposure = exposure.get(&place).copied().unwrap_or(Exposure::Dormant);
        Some(Binary { file, place, elf, exposure })
    };
    facts.files().filter_map(binary).collect()
}

/// Carries exposure from what starts at boot to the libraries that it loads.
struct Spread<'a> {
    facts: &'a Facts,
    elves: &'a HashMap<Digest, &'a ElfFacts>,
    by_path: HashMap<(ContainerId, &'a ImagePath), &'a File>,
    by_name: HashMap<(ContainerId, &'a [u8]), Vec<&'a File>>,
    exposure: HashMap<FileRef, Exposure>,
}

impl<'a> Spread<'a> {
    fn new(facts: &'a Facts, elves: &'a HashMap<Digest, &'a ElfFacts>) -> Self {
        let mut by_path = HashMap::new();
        let mut by_name: HashMap<_, Vec<&File>> = HashMap::new();
        for file in facts.files() {
            by_path.insert((file.container, &file.path), file);
            by_name.entry((file.container, file.path.file_name())).or_default().push(file);
        }
        Self { facts, elves, by_path, by_name, exposure: HashMap::new() }
    }

    fn run(mut self) -> HashMap<FileRef, Exposure> {
        let mut queue = self.seeds();
        while let Some((place, exposure)) = queue.pop() {
            let known = self.exposure.get(&place).copied().unwrap_or(Exposure::Dormant);
            if known >= exposure {
                continue;
            }
            queue.extend(self.loaded_by(&place).into_iter().map(|library| (library, exposure)));
            self.exposure.insert(place, exposure);
        }
        self.exposure
    }

    fn seeds(&self) -> Vec<(FileRef, Exposure)> {
        let mut seeds: BTreeMap<FileRef, Exposure> = BTreeMap::new();
        let mut seed = |place: &Option<FileRef>, exposure| {
            if let Some(place) = place {
                let known = seeds.entry(place.clone()).or_insert(exposure);
                *known = (*known).max(exposure);
            }
        };
        for start in self.facts.start_ups() {
            let listens = !start.listens.is_empty() || start.mechanism == StartMechanism::Inetd;
            seed(&start.program, if listens { Exposure::Listens } else { Exposure::Boots });
        }
        for listener in self.facts.listeners().filter(|each| each.starts_at_boot.is_present()) {
            seed(&listener.program, Exposure::Listens);
        }
        seeds.into_iter().collect()
    }

    fn loaded_by(&self, place: &FileRef) -> Vec<FileRef> {
        let digest = self.by_path.get(&(place.container, &place.path)).and_then(|it| it.digest());
        let Some(elf) = digest.and_then(|digest| self.elves.get(&digest)) else {
            return Vec::new();
        };
        let interpreter = elf.interpreter.as_deref().and_then(|path| path.rsplit('/').next());
        let names = elf.needed.iter().map(String::as_str).chain(interpreter);
        names.flat_map(|name| self.files_named(place.container, name)).collect()
    }

    fn files_named(&self, container: ContainerId, name: &str) -> Vec<FileRef> {
        let Some(files) = self.by_name.get(&(container, name.as_bytes())) else {
            return Vec::new();
        };
        files.iter().filter_map(|file| self.follow(file)).map(File::place).collect()
    }

    fn follow(&self, file: &'a File) -> Option<&'a File> {
        let mut file = file;
        for _ in 0..MAX_LINKS {
            let FileKind::Symlink { target } = &file.kind else { return Some(file) };
            let path = file.path.parent().unwrap_or_default().join(unescape(target));
            file = *self.by_path.get(&(file.container, &path))?;
        }
        None
    }
}
