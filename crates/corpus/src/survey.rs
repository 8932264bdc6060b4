// SPDX-License-Identifier: Apache-2.0
//! How common each mitigation is, by year, vendor, architecture and kit (requirements ).
//!
//! The unit is the distinct program: within a group each content counts once, however many images and paths hold it; the counts
//! of all places stand beside it. What is undetermined or not applicable is counted apart and is in no denominator. Images with
//! the same files count once. Intervals treat programs as independent, which programs of one image are not: they are too narrow
//! where a group has few images, so the number of images stands beside them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::Result;
use serde::Serialize;

use crate::CorpusError;
use crate::program::State;
use crate::regression::{Regression, find_regressions};
use crate::schema::MITIGATIONS;
use crate::statistic::{Interval, variance_explained, wilson};
use crate::store::Corpus;

/// What images are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// All of them.
    All,
    /// Year of the release.
    Year,
    /// Who sells it.
    Vendor,
    /// Machine and byte order.
    Architecture,
    /// Kit of the chip vendor.
    Sdk,
}

impl Dimension {
    const ALL: [Self; 5] = [Self::All, Self::Year, Self::Vendor, Self::Architecture, Self::Sdk];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Year => "year",
            Self::Vendor => "vendor",
            Self::Architecture => "architecture",
            Self::Sdk => "sdk",
        }
    }
}

/// How often each state was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// It is there.
    pub present: u64,
    /// It is not.
    pub absent: u64,
    /// The bytes do not tell.
    pub undetermined: u64,
    /// There is nothing that it would protect.
    pub not_applicable: u64,
}

impl Count {
    fn add(&mut self, state: State, by: u64) {
        match state {
            State::Present => self.present += by,
            State::Absent => self.absent += by,
            State::Undetermined => self.undetermined += by,
            State::NotApplicable => self.not_applicable += by,
        }
    }

    /// Share of the present among the decided.
    #[must_use]
    pub fn share(&self) -> Option<Interval> {
        wilson(self.present, self.present + self.absent)
    }
}

/// One mitigation in one group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adoption {
    /// What groups are made by.
    pub dimension: Dimension,
    /// The group; `unknown` where an image does not tell.
    pub group: String,
    /// One of [`MITIGATIONS`].
    pub mitigation: &'static str,
    /// Images of the group, those with the same files counted once.
    pub images: u64,
    /// Distinct programs.
    pub distinct: Count,
    /// Programs in all places, before any deduplication.
    pub places: Count,
    /// Share among the distinct and decided, with its 95 % interval.
    pub share: Option<Interval>,
}

/// One hardening option in one group, counted over distinct kernels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KernelCount {
    /// What groups are made by.
    pub dimension: Dimension,
    /// The group.
    pub group: String,
    /// Option and the value that is safer: `STACKPROTECTOR=y`.
    pub option: String,
    /// Kernels that have it so.
    pub met: u64,
    /// Kernels that could.
    pub not_met: u64,
    /// Kernels of versions or architectures without it.
    pub not_possible: u64,
    /// Kernels that do not tell.
    pub undetermined: u64,
    /// Share of the met among the decided.
    pub share: Option<Interval>,
}

/// One security module over distinct kernels, in four steps: compiled is not used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModuleCount {
    /// The module.
    pub name: String,
    /// In the kernel.
    pub compiled: Count,
    /// Active after boot.
    pub enabled: Count,
    /// A policy is in the image.
    pub policy_present: Count,
    /// Start-up loads it.
    pub policy_loaded: Count,
}

/// The denominators (requirement A-2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Numbers {
    /// Files that were added.
    pub places: u64,
    /// Of them distinct.
    pub images: u64,
    /// Of them with other files in them, however packed.
    pub distinct_images: u64,
    /// Distinct images of which every container was read.
    pub unpacked_full: u64,
    /// Distinct images of which a part was read.
    pub unpacked_partial: u64,
    /// Distinct images of which nothing was read.
    pub unpacked_nothing: u64,
    /// Distinct images whose year is not known.
    pub undated: u64,
    /// Files in all distinct images.
    pub files: u64,
    /// Of them distinct.
    pub contents: u64,
    /// Programs and libraries in all places.
    pub program_places: u64,
    /// Of them distinct.
    pub programs: u64,
    /// Distinct kernels.
    pub kernels: u64,
}

/// How much of the differences between images one dimension explains (requirement B-2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// One of [`MITIGATIONS`].
    pub mitigation: &'static str,
    /// What groups are made by.
    pub dimension: Dimension,
    /// Images with a decided program and a known group.
    pub images: u64,
    /// Groups.
    pub groups: u64,
    /// Eta squared of the share per image.
    pub explained: Option<f64>,
}

/// All of it, in a fixed order.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Survey {
    /// The denominators.
    pub numbers: Numbers,
    /// Mitigations.
    pub adoption: Vec<Adoption>,
    /// Kernel options.
    pub kernels: Vec<KernelCount>,
    /// Security modules.
    pub modules: Vec<ModuleCount>,
    /// What explains the differences.
    pub explained: Vec<Explained>,
    /// What later versions of a product have lost.
    pub regressions: Vec<Regression>,
}

/// Surveys a corpus.
///
/// # Errors
/// The tables cannot be read.
pub fn survey(corpus: &Corpus) -> std::result::Result<Survey, CorpusError> {
    let fail = |error| corpus.fail("survey", error);
    let read = Read::all(corpus).map_err(fail)?;
    Ok(Survey {
        numbers: read.numbers(corpus).map_err(fail)?,
        adoption: read.adoption(),
        kernels: read.kernels(corpus).map_err(fail)?,
        modules: modules(corpus).map_err(fail)?,
        explained: read.explained(),
        regressions: find_regressions(corpus)?,
    })
}

/// One place of an image.
struct Found {
    image: usize,
    groups: [Option<String>; 5],
}

/// What a survey reads.
struct Read {
    /// States of each distinct program.
    programs: Vec<[State; MITIGATIONS.len()]>,
    /// Programs of each image, with the number of places in it.
    images: Vec<Vec<(usize, u64)>>,
    /// Images with the same files have the same number.
    same: Vec<usize>,
    /// Row identifiers of the images.
    ids: HashMap<i64, usize>,
    unpacked: Vec<String>,
    files: Vec<u64>,
    found: Vec<Found>,
}

impl Read {
    fn all(corpus: &Corpus) -> Result<Self> {
        let (programs, known) = programs(corpus)?;
        let mut read = Self {
            programs,
            images: Vec::new(),
            same: Vec::new(),
            ids: HashMap::new(),
            unpacked: Vec::new(),
            files: Vec::new(),
            found: Vec::new(),
        };
        let mut same: HashMap<String, usize> = HashMap::new();
        let mut statement = corpus
            .tables
            .prepare("SELECT id, same_files, unpacked, files FROM image ORDER BY digest")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            read.ids.insert(row.get(0)?, read.same.len());
            let next = same.len();
            read.same.push(*same.entry(row.get(1)?).or_insert(next));
            read.unpacked.push(row.get(2)?);
            read.files.push(row.get(3)?);
        }
        read.images = vec![Vec::new(); read.same.len()];
        let mut statement =
            corpus.tables.prepare("SELECT image, content, places FROM image_program")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let image = read.ids.get(&row.get(0)?).and_then(|image| read.images.get_mut(*image));
            if let (Some(image), Some(program)) = (image, known.get(&row.get(1)?)) {
                image.push((*program, row.get(2)?));
            }
        }
        read.find_places(corpus)?;
        Ok(read)
    }

    fn find_places(&mut self, corpus: &Corpus) -> Result<()> {
        let mut statement = corpus
            .tables
            .prepare("SELECT image, year, vendor, architecture, sdk FROM images ORDER BY source")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(image) = self.ids.get(&row.get(0)?).copied() else { continue };
            let year: Option<u16> = row.get(1)?;
            let groups = [
                Some("all".to_owned()),
                year.map(|year| year.to_string()),
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ];
            self.found.push(Found { image, groups });
        }
        Ok(())
    }

    fn numbers(&self, corpus: &Corpus) -> Result<Numbers> {
        let count =
            |question: &str| corpus.tables.query_row(question, [], |row| row.get::<_, u64>(0));
        let mut numbers = Numbers {
            places: self.found.len() as u64,
            images: self.same.len() as u64,
            contents: count("SELECT count(DISTINCT content) FROM file")?,
            programs: self.programs.len() as u64,
            kernels: count("SELECT count(DISTINCT digest) FROM kernel")?,
            ..Numbers::default()
        };
        let mut seen = HashSet::new();
        for (image, same) in self.same.iter().enumerate().filter(|(_, same)| seen.insert(**same)) {
            let _ = same;
            numbers.distinct_images += 1;
            numbers.files += self.files.get(image).copied().unwrap_or(0);
            match self.unpacked.get(image).map(String::as_str) {
                Some("full") => numbers.unpacked_full += 1,
                Some("partial") => numbers.unpacked_partial += 1,
                _ => numbers.unpacked_nothing += 1,
            }
        }
        let dated: HashSet<usize> = self
            .found
            .iter()
            .filter(|found| found.groups.get(1).is_some_and(Option::is_some))
            .filter_map(|found| self.same.get(found.image).copied())
            .collect();
        numbers.undated = numbers.distinct_images.saturating_sub(dated.len() as u64);
        let programs = self.found.iter().filter_map(|found| self.images.get(found.image)).flatten();
        numbers.program_places = programs.map(|(_, places)| places).sum();
        Ok(numbers)
    }

    /// Groups of one dimension: the places of each.
    fn groups(&self, dimension: usize) -> BTreeMap<&str, Vec<&Found>> {
        let mut groups: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
        for found in &self.found {
            let group = found.groups.get(dimension).and_then(Option::as_deref);
            groups.entry(group.unwrap_or("unknown")).or_default().push(found);
        }
        groups
    }

    fn adoption(&self) -> Vec<Adoption> {
        let mut all = Vec::new();
        for (number, dimension) in Dimension::ALL.into_iter().enumerate() {
            for (group, found) in self.groups(number) {
                self.count_group(dimension, group, &found, &mut all);
            }
        }
        all
    }

    fn count_group(
        &self,
        dimension: Dimension,
        group: &str,
        found: &[&Found],
        all: &mut Vec<Adoption>,
    ) {
        let mut seen = vec![false; self.programs.len()];
        let mut distinct = [Count::default(); MITIGATIONS.len()];
        let mut places = [Count::default(); MITIGATIONS.len()];
        let mut images: HashSet<usize> = HashSet::new();
        for one in found {
            images.extend(self.same.get(one.image));
            for (program, times) in self.images.get(one.image).into_iter().flatten() {
                let Some((states, seen)) = self.programs.get(*program).zip(seen.get_mut(*program))
                else {
                    continue;
                };
                let fresh = !std::mem::replace(seen, true);
                for ((state, distinct), places) in states.iter().zip(&mut distinct).zip(&mut places)
                {
                    distinct.add(*state, u64::from(fresh));
                    places.add(*state, *times);
                }
            }
        }
        for ((mitigation, distinct), places) in MITIGATIONS.into_iter().zip(distinct).zip(places) {
            all.push(Adoption {
                dimension,
                group: group.to_owned(),
                mitigation,
                images: images.len() as u64,
                distinct,
                places,
                share: distinct.share(),
            });
        }
    }

    fn explained(&self) -> Vec<Explained> {
        let mut all = Vec::new();
        for (at, mitigation) in MITIGATIONS.into_iter().enumerate() {
            for (number, dimension) in Dimension::ALL.into_iter().enumerate().skip(1) {
                let mut groups = Vec::new();
                for (group, found) in self.groups(number) {
                    let mut seen = HashSet::new();
                    let fresh = found.iter().filter(|it| seen.insert(self.same.get(it.image)));
                    let shares: Vec<f64> =
                        fresh.filter_map(|found| self.image_share(found.image, at)).collect();
                    if group != "unknown" && !shares.is_empty() {
                        groups.push(shares);
                    }
                }
                all.push(Explained {
                    mitigation,
                    dimension,
                    images: groups.iter().map(Vec::len).sum::<usize>() as u64,
                    groups: groups.len() as u64,
                    explained: variance_explained(&groups),
                });
            }
        }
        all
    }

    fn image_share(&self, image: usize, mitigation: usize) -> Option<f64> {
        let mut count = Count::default();
        for (program, _) in self.images.get(image)? {
            let state = self.programs.get(*program)?.get(mitigation)?;
            count.add(*state, 1);
        }
        count.share().map(|interval| interval.share)
    }

    fn kernels(&self, corpus: &Corpus) -> Result<Vec<KernelCount>> {
        let mut of_image: HashMap<usize, Vec<(String, String, String)>> = HashMap::new();
        let mut statement = corpus.tables.prepare(
            "SELECT image, digest, option || '=' || wanted, verdict FROM kernel_hardening ORDER BY image, digest, option",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(image) = self.ids.get(&row.get(0)?) else { continue };
            of_image.entry(*image).or_default().push((row.get(1)?, row.get(2)?, row.get(3)?));
        }
        let mut all = Vec::new();
        for (number, dimension) in Dimension::ALL.into_iter().enumerate() {
            for (group, found) in self.groups(number) {
                // One kernel counts once, whatever images hold it.
                let mut verdicts: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
                for (digest, option, verdict) in
                    found.iter().filter_map(|found| of_image.get(&found.image)).flatten()
                {
                    verdicts.entry(option).or_default().entry(digest).or_insert(verdict);
                }
                all.extend(verdicts.iter().map(|(option, kernels)| {
                    kernel_count(dimension, group, option, kernels.values().copied())
                }));
            }
        }
        Ok(all)
    }
}

fn kernel_count<'a>(
    dimension: Dimension,
    group: &str,
    option: &str,
    verdicts: impl Iterator<Item = &'a str>,
) -> KernelCount {
    let mut count = KernelCount {
        dimension,
        group: group.to_owned(),
        option: option.to_owned(),
        met: 0,
        not_met: 0,
        not_possible: 0,
        undetermined: 0,
        share: None,
    };
    for verdict in verdicts {
        match verdict {
            "met" => count.met += 1,
            "not-met" => count.not_met += 1,
            "undetermined" => count.undetermined += 1,
            _ => count.not_possible += 1,
        }
    }
    count.share = wilson(count.met, count.met + count.not_met);
    count
}

type Programs = (Vec<[State; MITIGATIONS.len()]>, HashMap<i64, usize>);

fn programs(corpus: &Corpus) -> Result<Programs> {
    let question = format!("SELECT content, {} FROM program", MITIGATIONS.join(", "));
    let mut statement = corpus.tables.prepare(&question)?;
    let mut rows = statement.query([])?;
    let (mut programs, mut known) = (Vec::new(), HashMap::new());
    while let Some(row) = rows.next()? {
        let mut states = [State::Undetermined; MITIGATIONS.len()];
        for (at, state) in states.iter_mut().enumerate() {
            *state = State::parse(row.get_ref(at + 1)?.as_str()?);
        }
        known.insert(row.get(0)?, programs.len());
        programs.push(states);
    }
    Ok((programs, known))
}

fn modules(corpus: &Corpus) -> Result<Vec<ModuleCount>> {
    let mut statement = corpus.tables.prepare(
        "SELECT name, digest, compiled, enabled, policy_present, policy_loaded FROM lsm ORDER BY name, digest, image",
    )?;
    let mut rows = statement.query([])?;
    let mut counts: BTreeMap<String, [Count; 4]> = BTreeMap::new();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if !seen.insert((name.clone(), row.get(1)?)) {
            continue;
        }
        let counts = counts.entry(name).or_default();
        for (at, count) in counts.iter_mut().enumerate() {
            count.add(State::parse(row.get_ref(at + 2)?.as_str()?), 1);
        }
    }
    let found = counts.into_iter().map(|(name, counts)| {
        let [compiled, enabled, policy_present, policy_loaded] = counts;
        ModuleCount { name, compiled, enabled, policy_present, policy_loaded }
    });
    Ok(found.collect())
}
