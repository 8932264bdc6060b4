// SPDX-License-Identifier: Apache-2.0
//! Which other images share files with an image, whose kits they are made with, and which files those are (requirement B-2).
//!
//! A file counts by how rare it is: a C library of a distribution in hundreds of images tells less than a driver in three. The
//! weight of a content that `n` of `N` images hold is `ln(1 + N / n)`; what two images share is the weight of their common
//! contents over that of the smaller of the two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use rusqlite::Result;
use serde::Serialize;

use crate::CorpusError;
use crate::similar::sketches_of;
use crate::store::Corpus;

/// An image and its relatives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// Digest of the image.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Who sells it, in all places where it was found.
    pub vendors: Vec<String>,
    /// Kit, with its family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// What the kit was told by.
    pub sdk_evidence: Vec<String>,
    /// The nearest first.
    pub relatives: Vec<Relative>,
}

/// Another image that shares files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relative {
    /// Digest of the image.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Who sells it.
    pub vendors: Vec<String>,
    /// Its kit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// Contents that both hold, byte for byte.
    pub shared: u64,
    /// Of them programs and libraries.
    pub shared_programs: u64,
    /// Programs of the first image that the other has in another build or version.
    pub similar_programs: u64,
    /// Weight of what is shared over that of the smaller image, from 0 to 1.
    pub share: f64,
    /// No vendor in common.
    pub other_vendor: bool,
    /// What is shared, the rarest first.
    pub files: Vec<SharedFile>,
}

/// A content that two images hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SharedFile {
    /// Its path in the first image.
    pub path: String,
    /// Its digest.
    pub digest: String,
    /// Images of the corpus that hold it.
    pub images: u64,
    /// Is it a program or library?
    pub program: bool,
}

/// Shorter files are alike by chance: empty files, one word.
const LEAST_BYTES: u64 = 64;
/// Contents in more images than this are not followed: they would link everything with everything.
const MOST_HOLDERS: u64 = 2000;
/// A program this much alike is another build or version.
const ALIKE: f64 = 0.4;

/// The relatives of an image: by digest, the beginning of one, file name, or source.
///
/// # Errors
/// The image is not there, or its name is that of several; the tables cannot be read.
pub fn lineage(
    corpus: &Corpus,
    image: &str,
    most: usize,
) -> std::result::Result<Lineage, CorpusError> {
    let id = corpus.find_image(image)?;
    find(corpus, id, most).map_err(|error| corpus.fail("lineage", error))
}

impl Corpus {
    /// Row of an image by digest, the beginning of one, file name, or source.
    pub(crate) fn find_image(&self, wanted: &str) -> std::result::Result<i64, CorpusError> {
        let fail = |error| self.fail("looking an image up", error);
        let question = "SELECT DISTINCT image.id FROM image LEFT JOIN place ON place.image = image.id
            WHERE image.digest = ?1 OR (length(?1) >= 6 AND substr(image.digest, 1, length(?1)) = ?1)
            OR image.name = ?1 OR place.source = ?1 OR place.source LIKE '%/' || ?1 LIMIT 3";
        let mut statement = self.tables.prepare(question).map_err(fail)?;
        let found: Vec<i64> = statement
            .query_map([wanted], |row| row.get(0))
            .and_then(Iterator::collect)
            .map_err(fail)?;
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(CorpusError::Unknown(format!("an image {wanted}"))),
            _ => {
                Err(CorpusError::Question(format!("several images are {wanted}; give the digest")))
            }
        }
    }
}

impl Corpus {
    /// The facts of an image, from its record.
    ///
    /// # Errors
    /// The image is not there, or its record is damaged.
    pub fn facts(&self, image: &str) -> std::result::Result<kakoi_model::Facts, CorpusError> {
        let id = self.find_image(image)?;
        let question = "SELECT digest FROM image WHERE id = ?";
        let digest: String = self
            .tables
            .query_row(question, [id], |row| row.get(0))
            .map_err(|error| self.fail("looking an image up", error))?;
        let digest =
            digest.parse().map_err(|_| CorpusError::Unknown(format!("an image {image}")))?;
        Ok(crate::record::Record::read(&self.record_path(&digest))?.facts)
    }
}

struct Shared {
    contents: Vec<i64>,
    weight: f64,
}

fn find(corpus: &Corpus, id: i64, most: usize) -> Result<Lineage> {
    let all: u64 = corpus.tables.query_row("SELECT count(*) FROM image", [], |row| row.get(0))?;
    let own = contents(corpus, id)?;
    let mut shared: HashMap<i64, Shared> = HashMap::new();
    let mut holders =
        corpus.tables.prepare("SELECT image FROM holder WHERE content = ? AND image <> ?")?;
    let mut total = 0.0;
    for (content, images) in &own {
        let weight = weight(*images, all);
        total += weight;
        if *images > MOST_HOLDERS {
            continue;
        }
        let others: Vec<i64> =
            holders.query_map((content, id), |row| row.get(0))?.collect::<Result<_>>()?;
        for other in others {
            let entry = shared.entry(other).or_insert(Shared { contents: Vec::new(), weight: 0.0 });
            entry.contents.push(*content);
            entry.weight += weight;
        }
    }
    let mut ranked: Vec<(i64, f64, Shared)> = Vec::new();
    for (other, one) in shared {
        let theirs: f64 =
            contents(corpus, other)?.values().map(|images| weight(*images, all)).sum();
        let share = if total.min(theirs) > 0.0 { one.weight / total.min(theirs) } else { 0.0 };
        ranked.push((other, share.min(1.0), one));
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.truncate(most);
    let (digest, name, sdk) = identity(corpus, id)?;
    let vendors = vendors(corpus, id)?;
    let mut relatives = Vec::new();
    for (other, share, shared) in ranked {
        relatives.push(describe(corpus, (id, &own, &vendors), other, share, &shared)?);
    }
    Ok(Lineage { digest, name, vendors, sdk, sdk_evidence: sdk_evidence(corpus, id)?, relatives })
}

fn weight(images: u64, all: u64) -> f64 {
    (1.0 + all as f64 / images.max(1) as f64).ln()
}

/// Contents of an image that count, with the number of images that hold each.
fn contents(corpus: &Corpus, image: i64) -> Result<BTreeMap<i64, u64>> {
    let question = "SELECT DISTINCT file.content, (SELECT count(*) FROM holder WHERE holder.content = file.content)
        FROM file JOIN content ON content.id = file.content WHERE file.image = ? AND content.size >= ?";
    let mut statement = corpus.tables.prepare(question)?;
    statement.query_map((image, LEAST_BYTES), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn identity(corpus: &Corpus, image: i64) -> Result<(String, String, Option<String>)> {
    let question =
        "SELECT digest, name, sdk || coalesce(' ' || sdk_family, '') FROM image WHERE id = ?";
    corpus.tables.query_row(question, [image], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

fn vendors(corpus: &Corpus, image: i64) -> Result<Vec<String>> {
    let question =
        "SELECT DISTINCT vendor FROM place WHERE image = ? AND vendor IS NOT NULL ORDER BY vendor";
    let mut statement = corpus.tables.prepare(question)?;
    statement.query_map([image], |row| row.get(0))?.collect()
}

fn sdk_evidence(corpus: &Corpus, image: i64) -> Result<Vec<String>> {
    let question =
        "SELECT DISTINCT vendor || coalesce(' ' || family, '') || ': ' || evidence FROM sdk_mark
        WHERE image = ? ORDER BY weight DESC, 1 LIMIT 12";
    let mut statement = corpus.tables.prepare(question)?;
    statement.query_map([image], |row| row.get(0))?.collect()
}

fn describe(
    corpus: &Corpus,
    (id, own, own_vendors): (i64, &BTreeMap<i64, u64>, &[String]),
    other: i64,
    share: f64,
    shared: &Shared,
) -> Result<Relative> {
    let (digest, name, sdk) = identity(corpus, other)?;
    let vendors = vendors(corpus, other)?;
    let mut files = Vec::new();
    let question = "SELECT min(path.path), content.digest, program.content IS NOT NULL FROM file
        JOIN path ON path.id = file.path JOIN content ON content.id = file.content
        LEFT JOIN program ON program.content = file.content WHERE file.image = ? AND file.content = ? GROUP BY content.id";
    let mut statement = corpus.tables.prepare(question)?;
    for content in &shared.contents {
        let images = own.get(content).copied().unwrap_or(1);
        files.push(statement.query_row((id, content), |row| {
            Ok(SharedFile { path: row.get(0)?, digest: row.get(1)?, images, program: row.get(2)? })
        })?);
    }
    files.sort_by(|a, b| (a.images, &a.path).cmp(&(b.images, &b.path)));
    let both: BTreeSet<i64> = shared.contents.iter().copied().collect();
    Ok(Relative {
        digest,
        name,
        other_vendor: !vendors.iter().any(|vendor| own_vendors.contains(vendor)),
        vendors,
        sdk,
        shared: files.len() as u64,
        shared_programs: files.iter().filter(|file| file.program).count() as u64,
        similar_programs: similar_programs(corpus, id, other, &both)?,
        share: (share * 1e4).round() / 1e4,
        files,
    })
}

/// Programs that are not the same bytes, but of one source.
fn similar_programs(corpus: &Corpus, one: i64, other: i64, both: &BTreeSet<i64>) -> Result<u64> {
    let (left, right) = (sketches_of(corpus, one)?, sketches_of(corpus, other)?);
    let fresh = |content: &i64| !both.contains(content);
    let mut by_hash: HashMap<u64, Vec<i64>> = HashMap::new();
    for (content, sketch) in right.iter().filter(|(content, _)| fresh(content)) {
        let hashes = sketch.texts.iter().take(64).chain(sketch.code.iter().take(64));
        hashes.for_each(|hash| by_hash.entry(*hash).or_default().push(*content));
    }
    let alike = |sketch: &kakoi_compare::Sketch| {
        let hashes = sketch.texts.iter().take(64).chain(sketch.code.iter().take(64));
        let near: BTreeSet<i64> =
            hashes.filter_map(|hash| by_hash.get(hash)).flatten().copied().collect();
        near.iter().any(|it| right.get(it).is_some_and(|it| sketch.likeness(it).score() >= ALIKE))
    };
    let own = left.iter().filter(|(content, _)| fresh(content));
    Ok(own.filter(|(_, sketch)| alike(sketch)).count() as u64)
}

impl Lineage {
    /// The graph in the language of Graphviz: images as boxes by vendor, edges by what they share.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let quote = |text: &str| format!("{text:?}");
        let mut dot = String::from("graph lineage {\n  node [shape=box];\n");
        let label = |name: &str, vendors: &[String], sdk: &Option<String>| {
            quote(&format!(
                "{name}\n{}\n{}",
                vendors.join(", "),
                sdk.as_deref().unwrap_or("no kit told")
            ))
        };
        let node = |digest: &str| quote(digest.get(..12).unwrap_or(digest));
        let own = node(&self.digest);
        let _ = writeln!(dot, "  {own} [label={}];", label(&self.name, &self.vendors, &self.sdk));
        for it in &self.relatives {
            let other = node(&it.digest);
            let _ = writeln!(dot, "  {other} [label={}];", label(&it.name, &it.vendors, &it.sdk));
            let words = format!("{} files, {:.0} %", it.shared, it.share * 100.0);
            let _ = writeln!(dot, "  {own} -- {other} [label={}];", quote(&words));
        }
        dot.push_str("}\n");
        dot
    }
}
