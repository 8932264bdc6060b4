// SPDX-License-Identifier: Apache-2.0
//! Tables as Parquet files, for other engines.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::CorpusError;
use crate::parquet::{Kind, Writer};
use crate::sql::{Cell, each_row};
use crate::store::Corpus;

/// What can be exported: name, and the question that it answers.
pub const TABLES: [(&str, &str); 12] = [
    ("images", "SELECT * FROM images ORDER BY source"),
    ("elf", "SELECT * FROM elf ORDER BY source, path"),
    (
        "program",
        "SELECT content.digest, content.size, program.* FROM program JOIN content ON content.id = program.content ORDER BY 1",
    ),
    (
        "file",
        "SELECT image.digest AS image_digest, file.container, path.path, content.digest, content.size, content.kind
         FROM file JOIN image ON image.id = file.image JOIN path ON path.id = file.path
         JOIN content ON content.id = file.content ORDER BY 1, 2, 3",
    ),
    ("kernel", "SELECT image.digest AS image_digest, kernel.* FROM kernel JOIN image ON image.id = image ORDER BY 1, 3"),
    (
        "kernel_hardening",
        "SELECT image.digest AS image_digest, it.* FROM kernel_hardening it JOIN image ON image.id = image ORDER BY 1, 3, 4",
    ),
    ("lsm", "SELECT image.digest AS image_digest, lsm.* FROM lsm JOIN image ON image.id = image ORDER BY 1, 3, 4"),
    (
        "component",
        "SELECT image.digest AS image_digest, component.* FROM component JOIN image ON image.id = image ORDER BY 1, 3, 4, 6",
    ),
    (
        "start_up",
        "SELECT image.digest AS image_digest, start_up.* FROM start_up JOIN image ON image.id = image ORDER BY 1, start_up.rowid",
    ),
    (
        "account",
        "SELECT image.digest AS image_digest, account.* FROM account JOIN image ON image.id = image ORDER BY 1, account.rowid",
    ),
    (
        "sdk_mark",
        "SELECT image.digest AS image_digest, sdk_mark.* FROM sdk_mark JOIN image ON image.id = image ORDER BY 1, sdk_mark.rowid",
    ),
    (
        "sketch",
        "SELECT content.digest, code, texts, bytes FROM sketch JOIN content ON content.id = sketch.content ORDER BY 1",
    ),
];

/// Rows that are held in memory at once.
const GROUP: usize = 100_000;

/// Writes the answer to a question as one Parquet file; tells the number of rows.
///
/// # Errors
/// The question cannot be answered, or the file not be written.
pub fn export_table(corpus: &Corpus, question: &str, path: &Path) -> Result<u64, CorpusError> {
    let (columns, kinds) = kinds(corpus, question)?;
    let temporary = path.with_extension("part");
    let fail = |error| CorpusError::file(path, error);
    let file = BufWriter::new(File::create(&temporary).map_err(fail)?);
    let mut writer = Writer::new(file, columns, kinds).map_err(fail)?;
    let (mut group, mut failure) = (Vec::new(), None);
    each_row(corpus, question, &mut |_, row| {
        group.extend(row);
        if group.len() >= GROUP {
            failure = writer.write_group(&std::mem::take(&mut group)).err();
        }
        failure.is_none()
    })?;
    if let Some(error) = failure {
        return Err(fail(error));
    }
    let finish = || -> std::io::Result<u64> {
        if !group.is_empty() {
            writer.write_group(&group)?;
        }
        let (mut file, rows) = writer.finish()?;
        file.flush()?;
        fs::rename(&temporary, path)?;
        Ok(rows)
    };
    finish().map_err(fail)
}

/// Names and types of the columns: the type of the first value that is not NULL.
fn kinds(corpus: &Corpus, question: &str) -> Result<(Vec<String>, Vec<Kind>), CorpusError> {
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    each_row(corpus, question, &mut |columns, row| {
        if names.is_empty() {
            names = columns.to_vec();
            kinds = vec![None; names.len()];
        }
        for (kind, cell) in kinds.iter_mut().zip(row.unwrap_or_default()) {
            *kind = kind.or(match cell {
                Cell::Null => None,
                Cell::Integer(_) => Some(Kind::Integer),
                Cell::Real(_) => Some(Kind::Real),
                Cell::Text(_) => Some(Kind::Text),
            });
        }
        kinds.iter().any(Option::is_none)
    })?;
    Ok((names, kinds.into_iter().map(|kind| kind.unwrap_or(Kind::Text)).collect()))
}
