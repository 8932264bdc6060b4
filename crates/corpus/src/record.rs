// SPDX-License-Identifier: Apache-2.0
//! One image in one file: what a scan found.
//!
//! Zstandard over JSON lines; the last line is the SHA-256 of all lines before it. The first line is the place where the image
//! was found. Facts follow as in `facts.jsonl`, without regions; then the samples ([`kakoi_compare::Sketch`]) of contents that
//! the corpus had not seen. The file is written under another name, synchronised, and renamed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use kakoi_compare::Sketch;
use kakoi_model::{Digest, Fact, Facts};
use serde::{Deserialize, Serialize};

use crate::CorpusError;
use crate::place::Place;

/// What is kept of one image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Where it was found first.
    pub place: Place,
    /// What was found in it.
    pub facts: Facts,
    /// Samples of its contents, where they were not known yet.
    pub sketches: BTreeMap<Digest, Sketch>,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Place(Place),
    Fact(Box<Fact>),
    Sketch(Digest, Sketch),
    End(Digest),
}

/// Level of compression: twice as small as JSON gets with the fastest, and no slower than the scan.
const LEVEL: i32 = 6;

/// A record never is longer; a damaged one that claims more is not read.
const MOST_BYTES: usize = 1 << 30;

impl Record {
    /// The image's digest; none for facts of nothing.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.facts.image().map(|image| image.digest)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = Vec::new();
        let mut push = |line: &Line| -> Result<(), serde_json::Error> {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
            Ok(())
        };
        push(&Line::Place(self.place.clone()))?;
        for fact in self.facts.lines.iter().filter(|fact| !matches!(fact, Fact::Region(_))) {
            push(&Line::Fact(Box::new(fact.clone())))?;
        }
        for (digest, sketch) in &self.sketches {
            push(&Line::Sketch(*digest, sketch.clone()))?;
        }
        let end = Line::End(Digest::of(&text));
        serde_json::to_writer(&mut text, &end)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Writes it under this name, at once or not at all.
    ///
    /// # Errors
    /// The directory cannot be written, or the device is full.
    pub fn write(&self, path: &Path) -> Result<(), CorpusError> {
        let bytes = self.to_bytes().map_err(|error| {
            CorpusError::Damaged(path.to_owned(), format!("facts that JSON cannot hold: {error}"))
        })?;
        let temporary = path.with_extension(format!("{}.part", std::process::id()));
        let written = write_whole(&temporary, &bytes).and_then(|()| fs::rename(&temporary, path));
        written.map_err(|error| {
            // A part of a record is of no use; when it cannot be removed either, `check` does.
            let _ = fs::remove_file(&temporary);
            CorpusError::file(path, error)
        })
    }

    /// Reads and verifies.
    ///
    /// # Errors
    /// The file is not there or damaged.
    pub fn read(path: &Path) -> Result<Self, CorpusError> {
        let damaged = |how: String| CorpusError::Damaged(path.to_owned(), how);
        let bytes = fs::read(path).map_err(|error| CorpusError::file(path, error))?;
        let text = zstd::bulk::decompress(&bytes, MOST_BYTES)
            .map_err(|error| damaged(format!("not to be decompressed: {error}")))?;
        let mut record = Self::default();
        let mut at = 0;
        for raw in text.split_inclusive(|byte| *byte == b'\n') {
            let line: Line = serde_json::from_slice(raw)
                .map_err(|error| damaged(format!("byte {at}: {error}")))?;
            match line {
                Line::Place(place) => record.place = place,
                Line::Fact(fact) => record.facts.lines.push(*fact),
                Line::Sketch(digest, sketch) => {
                    record.sketches.insert(digest, sketch);
                }
                Line::End(digest) => {
                    let whole = text.get(..at).is_some_and(|text| Digest::of(text) == digest);
                    return if whole { Ok(record) } else { Err(damaged("wrong checksum".into())) };
                }
            }
            at += raw.len();
        }
        Err(damaged("it has no end".to_owned()))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&zstd::bulk::compress(bytes, LEVEL)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_one_changed_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        let mut record = Record::default();
        record.place.vendor = Some("Hirsch".to_owned());
        let sketch = Sketch { texts: vec![1, u64::MAX], ..Sketch::default() };
        record.sketches.insert(Digest::of(b"x"), sketch);
        record.write(&path).unwrap();
        assert_eq!(Record::read(&path).unwrap(), record);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let read = Record::read(&path);
            assert!(read.is_err() || read.unwrap() == record, "byte {at}");
        }
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(Record::read(&path).is_err());
    }
}
