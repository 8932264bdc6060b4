// SPDX-License-Identifier: Apache-2.0
//! Verifies a corpus, and mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use kakoi_model::Digest;
use rusqlite::Connection;

use crate::CorpusError;
use crate::place::Place;
use crate::record::Record;
use crate::store::{Corpus, open_tables, read_places, tables_path};

/// What was found, and done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Records that are whole.
    pub records: usize,
    /// Records that are not, and why. Mended: put aside as `.damaged`.
    pub damaged: Vec<(PathBuf, String)>,
    /// Where images were found whose record is damaged or missing: add these again.
    pub lost: Vec<String>,
    /// Parts of records of processes that were killed. Mended: removed.
    pub parts: usize,
    /// What is wrong with the tables. Mended: made again from the records.
    pub tables: Option<String>,
    /// Records that had no rows.
    pub without_rows: usize,
    /// Was anything written?
    pub repaired: bool,
}

impl Checked {
    /// Is nothing wrong?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty()
            && self.lost.is_empty()
            && self.parts == 0
            && self.tables.is_none()
            && self.without_rows == 0
    }
}

/// Reads every record and the tables. With `repair`, puts damaged records aside, removes parts, and makes the tables again
/// where anything is wrong with them. No process may add at the same time.
///
/// # Errors
/// The directory cannot be read, or written when repairing.
pub fn check(directory: &Path, repair: bool) -> Result<Checked, CorpusError> {
    if !directory.join("records").is_dir() {
        return Err(CorpusError::Unknown(format!("{}: a corpus", directory.display())));
    }
    let mut found = Checked::default();
    let whole = read_records(directory, &mut found)?;
    let known = match images(directory) {
        Ok(known) => known,
        Err(how) => {
            found.tables = Some(how);
            BTreeSet::new()
        }
    };
    if found.tables.is_none() {
        found.without_rows = whole.difference(&known).count();
    }
    let places = read_places(directory)?;
    let missing = places.iter().filter(|(image, _)| !whole.contains(image));
    found.lost = missing.map(|(_, place)| place.source.clone()).collect();
    found.lost.sort();
    found.lost.dedup();
    if repair && !found.is_whole() {
        mend(directory, &whole, &known, &found, places)?;
        found.repaired = true;
    }
    Ok(found)
}

fn read_records(directory: &Path, found: &mut Checked) -> Result<BTreeSet<Digest>, CorpusError> {
    let mut whole = BTreeSet::new();
    for path in files(&directory.join("records"))? {
        let extension = path.extension().and_then(|it| it.to_str());
        let named = path.file_stem().and_then(|stem| stem.to_str()?.parse::<Digest>().ok());
        match (extension, named) {
            (Some("part"), _) => found.parts += 1,
            (Some("kkr"), named) => match Record::read(&path).map(|record| record.digest()) {
                Ok(Some(digest)) if Some(digest) == named => {
                    whole.insert(digest);
                }
                Ok(_) => found.damaged.push((path, "it is the record of another image".into())),
                Err(error) => found.damaged.push((path, error.to_string())),
            },
            _ => {}
        }
    }
    found.records = whole.len();
    Ok(whole)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let fail = |error| CorpusError::file(folder, error);
    let entries = fs::read_dir(folder).map_err(fail)?;
    let mut paths =
        entries.map(|entry| Ok(entry.map_err(fail)?.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Images with rows, or what is wrong with the tables.
fn images(directory: &Path) -> Result<BTreeSet<Digest>, String> {
    let path = tables_path(directory);
    if !path.is_file() {
        return Err("they are missing".to_owned());
    }
    let corpus = Corpus::read(directory).map_err(|error| error.to_string())?;
    let verdict = |tables: &Connection| -> rusqlite::Result<String> {
        tables.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
    };
    match verdict(&corpus.tables) {
        Ok(word) if word == "ok" => {}
        Ok(word) => return Err(word),
        Err(error) => return Err(error.to_string()),
    }
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut statement = corpus.tables.prepare("SELECT digest FROM image")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let digests = read().map_err(|error| error.to_string())?;
    Ok(digests.iter().filter_map(|text| text.parse().ok()).collect())
}

fn mend(
    directory: &Path,
    whole: &BTreeSet<Digest>,
    known: &BTreeSet<Digest>,
    found: &Checked,
    places: Vec<(Digest, Place)>,
) -> Result<(), CorpusError> {
    for (path, _) in &found.damaged {
        fs::rename(path, path.with_extension("damaged"))
            .map_err(|error| CorpusError::file(path, error))?;
    }
    let records = directory.join("records");
    for path in
        files(&records)?.iter().filter(|path| path.extension().is_some_and(|it| it == "part"))
    {
        fs::remove_file(path).map_err(|error| CorpusError::file(path, error))?;
    }
    // Rows of an image whose record is gone cannot be taken back one by one: contents are shared.
    if found.tables.is_some() || !known.is_subset(whole) {
        put_tables_aside(directory)?;
    }
    let tables = open_tables(directory)?;
    let mut corpus = Corpus { directory: directory.to_owned(), tables };
    let mut by_image: BTreeMap<Digest, Vec<Place>> = BTreeMap::new();
    for (image, place) in places {
        by_image.entry(image).or_default().push(place);
    }
    for image in whole {
        let record = Record::read(&corpus.record_path(image))?;
        corpus.add_rows(&record, &record.place)?;
        for place in by_image.get(image).into_iter().flatten() {
            corpus.add_row_of_place(image, place)?;
        }
    }
    Ok(())
}

fn put_tables_aside(directory: &Path) -> Result<(), CorpusError> {
    let path = tables_path(directory);
    for (suffix, keep) in [("", true), ("-wal", false), ("-shm", false)] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let from = PathBuf::from(name);
        if !from.exists() {
            continue;
        }
        let done = match keep {
            true => fs::rename(&from, directory.join("corpus.sqlite.damaged")),
            false => fs::remove_file(&from),
        };
        done.map_err(|error| CorpusError::file(&from, error))?;
    }
    Ok(())
}
