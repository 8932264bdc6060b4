// SPDX-License-Identifier: Apache-2.0
//! The directory of a corpus: records, tables, locks.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kakoi_model::Digest;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::place::Place;
use crate::record::Record;
use crate::{CorpusError, ingest, schema};

/// How long one process waits for the rows of another to be written.
const WAIT: Duration = Duration::from_secs(120);

/// An open corpus.
#[derive(Debug)]
pub struct Corpus {
    pub(crate) directory: PathBuf,
    pub(crate) tables: Connection,
}

/// What is known of a file that is to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing, or it changed since.
    New,
    /// It is in the corpus as it is.
    Unchanged,
}

/// An image that this process alone works on. The kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, not read")] File);

impl Corpus {
    /// Opens a corpus, or makes an empty one. Records without rows, which a process left that was killed, get theirs.
    ///
    /// # Errors
    /// The directory cannot be written, the tables are damaged, or written by a newer kakoi.
    pub fn open(directory: &Path) -> Result<Self, CorpusError> {
        for folder in ["records", "locks"] {
            let path = directory.join(folder);
            fs::create_dir_all(&path).map_err(|error| CorpusError::file(&path, error))?;
        }
        let tables = open_tables(directory)?;
        Ok(Self { directory: directory.to_owned(), tables })
    }

    /// Opens a corpus for questions only.
    ///
    /// # Errors
    /// There is none, it is damaged, or written by a newer kakoi.
    pub fn read(directory: &Path) -> Result<Self, CorpusError> {
        let path = tables_path(directory);
        if !path.is_file() {
            return Err(CorpusError::Unknown(format!("{}: a corpus", directory.display())));
        }
        let fail = |error| CorpusError::tables(&path, "opening the tables", error);
        let tables =
            Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
        tables.busy_timeout(WAIT).map_err(fail)?;
        check_version(&tables, &path)?;
        tables.pragma_update(None, "query_only", true).map_err(fail)?;
        tables.pragma_update(None, "cache_size", -200_000).map_err(fail)?;
        Ok(Self { directory: directory.to_owned(), tables })
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the record of an image lies.
    #[must_use]
    pub fn record_path(&self, image: &Digest) -> PathBuf {
        self.directory.join("records").join(format!("{image}.kkr"))
    }

    /// Is this file in the corpus, with this length and time?
    ///
    /// # Errors
    /// The tables cannot be read.
    pub fn knows(&self, place: &Place) -> Result<Known, CorpusError> {
        let question = "SELECT 1 FROM place WHERE source = ? AND size = ? AND modified = ?";
        let found = self
            .tables
            .query_row(question, (&place.source, place.size, place.modified), |_| Ok(()))
            .optional();
        match found.map_err(|error| self.fail("looking a file up", error))? {
            Some(()) => Ok(Known::Unchanged),
            None => Ok(Known::New),
        }
    }

    /// Takes an image for this process. None while another one has it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn lock(&self, image: &Digest) -> Result<Option<Lock>, CorpusError> {
        let path = self.directory.join("locks").join(image.to_string());
        let file = File::create(&path).map_err(|error| CorpusError::file(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(CorpusError::file(&path, error)),
        }
    }

    /// Adds a place of an image whose record is there. False when there is no record, and it has to be scanned.
    ///
    /// # Errors
    /// The tables cannot be written.
    pub fn add_place(&mut self, image: &Digest, place: &Place) -> Result<bool, CorpusError> {
        if self.has_image(image)? {
            self.note_place(image, place)?;
            self.add_row_of_place(image, place)?;
            return Ok(true);
        }
        let path = self.record_path(image);
        if !path.is_file() {
            return Ok(false);
        }
        // A damaged record is as good as none: the image is at hand, and is scanned again.
        let Ok(record) = Record::read(&path) else { return Ok(false) };
        self.note_place(image, place)?;
        self.add_rows(&record, place)?;
        Ok(true)
    }

    pub(crate) fn add_row_of_place(
        &mut self,
        image: &Digest,
        place: &Place,
    ) -> Result<(), CorpusError> {
        self.write("adding a place", |rows| ingest::add_place(rows, image, place))
    }

    /// Notes a place in a file of its own, so that the tables can be made again with all of them. Lines of several processes do
    /// not mix: each is written at once, at the end (`O_APPEND`).
    fn note_place(&self, image: &Digest, place: &Place) -> Result<(), CorpusError> {
        let path = places_path(&self.directory);
        let fail = |error| CorpusError::file(&path, error);
        let line = serde_json::to_string(&(image, place))
            .map_err(|error| CorpusError::Question(error.to_string()))?;
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(&path).map_err(fail)?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(fail)
    }

    /// Keeps what a scan found: the record, then its rows.
    ///
    /// # Errors
    /// The device is full, or the tables cannot be written. Nothing of the image is in the tables then.
    pub fn add(&mut self, record: &Record) -> Result<(), CorpusError> {
        let image = record.digest().ok_or_else(|| {
            CorpusError::Question("facts without an image are not added".to_owned())
        })?;
        self.note_place(&image, &record.place)?;
        record.write(&self.record_path(&image))?;
        self.add_rows(record, &record.place)
    }

    pub(crate) fn add_rows(&mut self, record: &Record, place: &Place) -> Result<(), CorpusError> {
        self.write("adding an image", |rows| {
            ingest::add_image(rows, record)?;
            if let Some(image) = record.digest() {
                ingest::add_place(rows, &image, place)?;
            }
            Ok(())
        })
    }

    fn has_image(&self, image: &Digest) -> Result<bool, CorpusError> {
        let question = "SELECT 1 FROM image WHERE digest = ?";
        let found = self.tables.query_row(question, [image.to_string()], |_| Ok(())).optional();
        Ok(found.map_err(|error| self.fail("looking an image up", error))?.is_some())
    }

    /// Digests of the contents that have a sample, so that no worker samples them again.
    ///
    /// # Errors
    /// The tables cannot be read.
    pub fn sampled(&self) -> Result<BTreeSet<Digest>, CorpusError> {
        let question =
            "SELECT content.digest FROM sketch JOIN content ON content.id = sketch.content";
        let fail = |error| self.fail("reading digests", error);
        let mut statement = self.tables.prepare(question).map_err(fail)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fail)?;
        let mut found = BTreeSet::new();
        for text in rows {
            found.extend(text.map_err(fail)?.parse::<Digest>());
        }
        Ok(found)
    }

    /// Everything in `change`, or nothing.
    pub(crate) fn write(
        &mut self,
        what: &'static str,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), CorpusError> {
        let path = tables_path(&self.directory);
        let fail = |error| CorpusError::tables(&path, what, error);
        let rows =
            self.tables.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        change(&rows).map_err(fail)?;
        rows.commit().map_err(fail)
    }

    pub(crate) fn fail(&self, what: &'static str, error: rusqlite::Error) -> CorpusError {
        CorpusError::tables(&tables_path(&self.directory), what, error)
    }
}

fn places_path(directory: &Path) -> PathBuf {
    directory.join("places.jsonl")
}

/// All places that were noted, in order. A line that a full device cut short is passed over.
pub(crate) fn read_places(directory: &Path) -> Result<Vec<(Digest, Place)>, CorpusError> {
    let path = places_path(directory);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(CorpusError::file(&path, error)),
    }
}

pub(crate) fn tables_path(directory: &Path) -> PathBuf {
    directory.join("corpus.sqlite")
}

/// Waits until no other process opens the tables; until the file is closed none does.
fn alone(directory: &Path) -> Result<File, CorpusError> {
    let path = directory.join("locks/open");
    let fail = |error| CorpusError::file(&path, error);
    let file = File::options().create(true).append(true).open(&path).map_err(fail)?;
    file.lock().map_err(fail)?;
    Ok(file)
}

/// Opens the tables for writing, and makes them where there are none.
pub(crate) fn open_tables(directory: &Path) -> Result<Connection, CorpusError> {
    let path = tables_path(directory);
    let fail = |error| CorpusError::tables(&path, "opening the tables", error);
    // Who makes the tables, or takes in what a killed process left in their journal, must be alone: the engine does not wait
    // for another there, it fails.
    let _alone = alone(directory)?;
    let mut tables = Connection::open(&path).map_err(fail)?;
    tables.busy_timeout(WAIT).map_err(fail)?;
    // A process that is killed loses at most what it had not committed; power loss at most the last commits, whose records
    // are on the disk and are taken in again.
    tables.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
    tables.pragma_update(None, "synchronous", "normal").map_err(fail)?;
    tables.pragma_update(None, "cache_size", -64_000).map_err(fail)?;

    let rows = tables.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
    if version(&rows).map_err(fail)? == 0 {
        rows.execute_batch(schema::TABLES).map_err(fail)?;
        rows.pragma_update(None, "user_version", schema::VERSION).map_err(fail)?;
    }
    rows.commit().map_err(fail)?;
    check_version(&tables, &path)?;
    Ok(tables)
}

fn version(tables: &Connection) -> rusqlite::Result<u32> {
    tables.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn check_version(tables: &Connection, path: &Path) -> Result<(), CorpusError> {
    let found = version(tables)
        .map_err(|error| CorpusError::tables(path, "reading the version of the tables", error))?;
    match found {
        schema::VERSION => Ok(()),
        newer if newer > schema::VERSION => Err(CorpusError::Newer(newer, schema::VERSION)),
        older => {
            let how = format!("tables of schema {older}, this kakoi has {}", schema::VERSION);
            Err(CorpusError::Damaged(path.to_owned(), how))
        }
    }
}

#[cfg(test)]
mod tests {
    use kakoi_model::{Fact, Image};

    use super::*;

    #[test]
    fn a_full_device_is_named_and_costs_nothing_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut corpus = Corpus::open(folder.path()).unwrap();
        let record = |name: &str| {
            let image = Image {
                schema: 1,
                tool: "kakoi".to_owned(),
                name: name.repeat(20_000),
                size: 1,
                digest: Digest::of(name.as_bytes()),
                scanned_at: None,
                confined: true,
            };
            let mut record = Record::default();
            record.facts.lines.push(Fact::Image(image));
            record.place.source = name.to_owned();
            record
        };
        corpus.add(&record("first")).unwrap();
        let pages: u32 =
            corpus.tables.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        corpus.tables.pragma_update(None, "max_page_count", pages).unwrap();
        let failure = corpus.add(&record("second")).unwrap_err();
        assert!(matches!(failure, CorpusError::Full(_)), "{failure}");
        assert!(failure.to_string().contains("no room is left"));
        let count = |corpus: &Corpus| -> u32 {
            corpus.tables.query_row("SELECT count(*) FROM images", [], |row| row.get(0)).unwrap()
        };
        assert_eq!(count(&corpus), 1);
        corpus.tables.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        corpus.add(&record("second")).unwrap();
        assert_eq!(count(&corpus), 2);
    }
}
