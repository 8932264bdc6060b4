// SPDX-License-Identifier: Apache-2.0
//! Which contents of a corpus are a given one, or like it, and where they lie (requirement A-8).

use std::collections::{BTreeMap, HashMap};

use kakoi_compare::{Likeness, Sketch};
use kakoi_model::Digest;
use rusqlite::{OptionalExtension, Result};
use serde::Serialize;

use crate::CorpusError;
use crate::ingest::unblob;
use crate::store::Corpus;

/// How two contents are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kin {
    /// The same bytes.
    Exact,
    /// Functions in common: the same source for the same machine.
    Functions,
    /// Texts or stretches of bytes in common.
    Fuzzy,
}

/// A content that is like the one asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Neighbour {
    /// How it is related.
    pub kin: Kin,
    /// From 0 to 1.
    pub score: f64,
    /// The three likenesses; none for an exact one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Likeness>,
    /// The content.
    pub digest: String,
    /// Machine, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Where it lies: vendor, image, path; the first few.
    pub places: Vec<String>,
    /// In how many places.
    pub count: u64,
}

/// Below this a likeness is chance.
const LEAST: f64 = 0.15;
/// Hashes that more contents than this share are of a library that everybody links.
const COMMON: u64 = 2000;
/// Places that are named.
const NAMED: u64 = 8;

/// Neighbours of a content, the nearest first, at most `most`.
///
/// # Errors
/// The tables cannot be read.
pub fn neighbours(
    corpus: &Corpus,
    digest: &Digest,
    sketch: &Sketch,
    most: usize,
) -> std::result::Result<Vec<Neighbour>, CorpusError> {
    find(corpus, digest, sketch, most).map_err(|error| corpus.fail("looking for neighbours", error))
}

fn find(corpus: &Corpus, digest: &Digest, sketch: &Sketch, most: usize) -> Result<Vec<Neighbour>> {
    let question = "SELECT id FROM content WHERE digest = ?";
    let same: Option<i64> =
        corpus.tables.query_row(question, [digest.to_string()], |row| row.get(0)).optional()?;
    let mut scored: Vec<(Kin, f64, Option<Likeness>, i64)> = Vec::new();
    scored.extend(same.map(|content| (Kin::Exact, 1.0, None, content)));
    for content in candidates(corpus, sketch)?.into_keys().filter(|it| Some(*it) != same) {
        let Some(other) = read_sketch(corpus, content)? else { continue };
        let likeness = sketch.likeness(&other);
        if likeness.score() >= LEAST {
            let by_code = likeness.code.unwrap_or(0.0) >= LEAST;
            let kin = if by_code { Kin::Functions } else { Kin::Fuzzy };
            scored.push((kin, likeness.score(), Some(likeness), content));
        }
    }
    scored.sort_by(|a, b| {
        (a.0 != Kin::Exact, b.1, a.3)
            .partial_cmp(&(b.0 != Kin::Exact, a.1, b.3))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    scored.truncate(most);
    scored
        .into_iter()
        .map(|(kin, score, likeness, content)| describe(corpus, kin, score, likeness, content))
        .collect()
}

/// Contents that share one of the smallest hashes.
fn candidates(corpus: &Corpus, sketch: &Sketch) -> Result<BTreeMap<i64, u32>> {
    let mut statement = corpus
        .tables
        .prepare("SELECT content FROM sketch_hash WHERE kind = ? AND hash = ? LIMIT ?")?;
    let mut found = BTreeMap::new();
    for (kind, hashes) in [&sketch.code, &sketch.texts, &sketch.bytes].into_iter().enumerate() {
        for hash in hashes {
            let rows: Vec<i64> = statement
                .query_map((kind, hash.cast_signed(), COMMON), |row| row.get(0))?
                .collect::<Result<_>>()?;
            rows.into_iter().for_each(|content| *found.entry(content).or_default() += 1);
        }
    }
    Ok(found)
}

fn read_sketch(corpus: &Corpus, content: i64) -> Result<Option<Sketch>> {
    corpus
        .tables
        .prepare("SELECT code, texts, bytes FROM sketch WHERE content = ?")?
        .query_row([content], |row| {
            let part = |at: usize| -> Result<Vec<u64>> { Ok(unblob(row.get_ref(at)?.as_blob()?)) };
            Ok(Sketch { code: part(0)?, texts: part(1)?, bytes: part(2)? })
        })
        .optional()
}

fn describe(
    corpus: &Corpus,
    kin: Kin,
    score: f64,
    likeness: Option<Likeness>,
    content: i64,
) -> Result<Neighbour> {
    let question = "SELECT digest, machine FROM content LEFT JOIN program ON program.content = content.id WHERE id = ?";
    let (digest, machine) =
        corpus.tables.query_row(question, [content], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let question = "SELECT coalesce(images.vendor, '-') || ' ' || images.name || ' ' || coalesce(path.path, '(the image itself)')
        FROM holder JOIN images ON images.image = holder.image
        LEFT JOIN file ON file.image = holder.image AND file.content = holder.content LEFT JOIN path ON path.id = file.path
        WHERE holder.content = ? ORDER BY 1";
    let mut statement = corpus.tables.prepare(question)?;
    let all: Vec<String> =
        statement.query_map([content], |row| row.get(0))?.collect::<Result<_>>()?;
    let count = all.len() as u64;
    let places = all.into_iter().take(NAMED as usize).collect();
    Ok(Neighbour { kin, score, likeness, digest, machine, places, count })
}

/// Samples of all contents of an image that have one, by row of the content.
pub(crate) fn sketches_of(corpus: &Corpus, image: i64) -> Result<HashMap<i64, Sketch>> {
    let mut statement = corpus.tables.prepare(
        "SELECT sketch.content, code, texts, bytes FROM image_program JOIN sketch ON sketch.content = image_program.content WHERE image = ?",
    )?;
    let mut rows = statement.query([image])?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let part = |at: usize| -> Result<Vec<u64>> { Ok(unblob(row.get_ref(at)?.as_blob()?)) };
        let sketch = Sketch { code: part(1)?, texts: part(2)?, bytes: part(3)? };
        found.insert(row.get(0)?, sketch);
    }
    Ok(found)
}
