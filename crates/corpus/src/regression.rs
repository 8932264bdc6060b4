// SPDX-License-Identifier: Apache-2.0
//! What a later version of a product has lost (requirement A-11): a mitigation, an account that was removed, a component's
//! newer version. Versions of one vendor's model are ordered by release, then by version.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Result, Row};
use serde::Serialize;

use crate::CorpusError;
use crate::schema::MITIGATIONS;
use crate::store::Corpus;

/// Something that an update made worse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Regression {
    /// Who sells the device.
    pub vendor: String,
    /// The device.
    pub model: String,
    /// The earlier image: version, or file name.
    pub old: String,
    /// The later image.
    pub new: String,
    /// `mitigation-lost`, `older-version`, `account-back`.
    pub kind: &'static str,
    /// Program, component or account.
    pub subject: String,
    /// What it was and is.
    pub change: String,
}

struct Release {
    vendor: String,
    model: String,
    label: String,
    order: (String, Vec<u64>, String),
    image: i64,
}

/// Compares each version of a product with the one before.
///
/// # Errors
/// The tables cannot be read.
pub fn find_regressions(corpus: &Corpus) -> std::result::Result<Vec<Regression>, CorpusError> {
    let fail = |error| corpus.fail("looking for regressions", error);
    let mut products: BTreeMap<(String, String), Vec<Release>> = BTreeMap::new();
    for release in releases(corpus).map_err(fail)? {
        let key = (release.vendor.clone(), release.model.clone());
        products.entry(key).or_default().push(release);
    }
    let mut found = Vec::new();
    for mut releases in products.into_values() {
        releases.sort_by(|a, b| a.order.cmp(&b.order));
        releases.dedup_by_key(|release| release.image);
        let mut accounts = BTreeSet::new();
        for pair in releases.windows(2) {
            let [old, new] = pair else { continue };
            compare(corpus, old, new, &mut accounts, &mut found).map_err(fail)?;
        }
    }
    Ok(found)
}

fn releases(corpus: &Corpus) -> Result<Vec<Release>> {
    let mut statement = corpus.tables.prepare(
        "SELECT vendor, model, coalesce(version, ''), coalesce(released, ''), source, image FROM place
         WHERE vendor IS NOT NULL AND model IS NOT NULL AND (version IS NOT NULL OR released IS NOT NULL) ORDER BY source",
    )?;
    let read = |row: &Row<'_>| {
        let (version, released): (String, String) = (row.get(2)?, row.get(3)?);
        let source: String = row.get(4)?;
        let label = if version.is_empty() { released.clone() } else { version.clone() };
        let order = (released, numbers(&version), source);
        Ok(Release { vendor: row.get(0)?, model: row.get(1)?, label, order, image: row.get(5)? })
    };
    statement.query_map([], read)?.collect()
}

/// All numbers of a version: `1.10.2-r3` is 1, 10, 2, 3.
fn numbers(version: &str) -> Vec<u64> {
    let digits = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    digits.map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

fn compare(
    corpus: &Corpus,
    old: &Release,
    new: &Release,
    gone: &mut BTreeSet<String>,
    found: &mut Vec<Regression>,
) -> Result<()> {
    let mut tell = |kind, subject: String, change: String| {
        found.push(Regression {
            vendor: old.vendor.clone(),
            model: old.model.clone(),
            old: old.label.clone(),
            new: new.label.clone(),
            kind,
            subject,
            change,
        });
    };
    for (path, mitigation) in lost(corpus, old.image, new.image)? {
        tell("mitigation-lost", path, format!("{mitigation}: present -> absent"));
    }
    let (before, after) = (components(corpus, old.image)?, components(corpus, new.image)?);
    for (name, version) in &before {
        let Some(now) = after.get(name).filter(|now| numbers(now) < numbers(version)) else {
            continue;
        };
        tell("older-version", name.clone(), format!("{version} -> {now}"));
    }
    let (before, after) = (accounts(corpus, old.image)?, accounts(corpus, new.image)?);
    for name in after.difference(&before).filter(|name| gone.contains(*name)) {
        tell("account-back", name.clone(), "removed before, there again".to_owned());
    }
    gone.extend(before.difference(&after).cloned());
    Ok(())
}

/// Programs at the same path whose mitigation went.
fn lost(corpus: &Corpus, old: i64, new: i64) -> Result<Vec<(String, &'static str)>> {
    let columns: Vec<String> = MITIGATIONS
        .iter()
        .map(|name| format!("a.{name} = 'present' AND b.{name} = 'absent'"))
        .collect();
    let question = format!(
        "SELECT DISTINCT path.path, {} FROM file f JOIN program a ON a.content = f.content
         JOIN file g ON g.image = ?2 AND g.path = f.path JOIN program b ON b.content = g.content
         JOIN path ON path.id = f.path WHERE f.image = ?1 AND f.content <> g.content ORDER BY path.path",
        columns.join(", ")
    );
    let mut statement = corpus.tables.prepare(&question)?;
    let mut rows = statement.query((old, new))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let path: String = row.get(0)?;
        for (at, name) in MITIGATIONS.into_iter().enumerate() {
            if row.get::<_, bool>(at + 1)? {
                found.push((path.clone(), name));
            }
        }
    }
    found.dedup();
    Ok(found)
}

/// Components with a single version.
fn components(corpus: &Corpus, image: i64) -> Result<BTreeMap<String, String>> {
    let question = "SELECT name, min(version) FROM component WHERE image = ? AND version <> '' GROUP BY name HAVING count(DISTINCT version) = 1";
    let mut statement = corpus.tables.prepare(question)?;
    statement.query_map([image], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Accounts that somebody can log in with.
fn accounts(corpus: &Corpus, image: i64) -> Result<BTreeSet<String>> {
    let question = "SELECT DISTINCT name FROM account WHERE image = ? AND password IN ('empty', 'hash', 'clear-text')";
    let mut statement = corpus.tables.prepare(question)?;
    statement.query_map([image], |row| row.get(0))?.collect()
}
