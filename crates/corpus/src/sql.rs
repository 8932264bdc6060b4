// SPDX-License-Identifier: Apache-2.0
//! Questions in SQL. They read; the tables cannot be changed by one.

use rusqlite::types::ValueRef;

use crate::CorpusError;
use crate::store::Corpus;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Not known, or nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text; bytes in hexadecimal.
    Text(String),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// Asks. `most` rows at most; one more is read, so that the caller can tell that there are more.
///
/// # Errors
/// The question is no SQL, or would change something.
pub fn query(corpus: &Corpus, question: &str, most: usize) -> Result<Answer, CorpusError> {
    let mut answer = Answer::default();
    each_row(corpus, question, &mut |columns, row| {
        if answer.columns.is_empty() {
            answer.columns = columns.to_vec();
        }
        answer.rows.extend(row);
        answer.rows.len() <= most
    })?;
    Ok(answer)
}

/// Takes the columns, and a row of them; says whether it wants more.
type Take<'a> = dyn FnMut(&[String], Option<Vec<Cell>>) -> bool + 'a;

/// Calls `take` with the columns, first with no row and then with each; stops when it says no.
pub(crate) fn each_row(
    corpus: &Corpus,
    question: &str,
    take: &mut Take<'_>,
) -> Result<(), CorpusError> {
    let fail = |error: rusqlite::Error| match corpus.fail("the question", error) {
        CorpusError::Tables(what, error) => CorpusError::Question(format!("{what}: {error}")),
        other => other,
    };
    let mut statement = corpus.tables.prepare(question).map_err(fail)?;
    if !statement.readonly() {
        return Err(CorpusError::Question("only questions are answered: SELECT".to_owned()));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).map_err(fail)?;
    if !take(&columns, None) {
        return Ok(());
    }
    while let Some(row) = rows.next().map_err(fail)? {
        let cells = (0..columns.len())
            .map(|at| row.get_ref(at).map(cell))
            .collect::<Result<Vec<_>, _>>()
            .map_err(fail)?;
        if !take(&columns, Some(cells)) {
            break;
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => {
            Cell::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}
