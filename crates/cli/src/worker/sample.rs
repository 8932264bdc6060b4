// SPDX-License-Identifier: Apache-2.0
//! Samples of contents, for a corpus: computed in the worker, since they read hostile bytes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::Path;

use bytes::Bytes;
use kakoi_compare::Sketch;
use kakoi_model::{Digest, File, Journal};
use kakoi_unpack::Unpacked;
use rayon::prelude::*;

/// Shorter contents are alike by chance.
const LEAST_BYTES: u64 = 256;
/// Longer ones take longer than a look at them is worth.
const MOST_BYTES: u64 = 64 << 20;

/// Reads the list of contents that need no sample, before files are given up.
pub(super) fn read_sampled(path: Option<&Path>) -> io::Result<HashSet<Digest>> {
    let Some(path) = path else { return Ok(HashSet::new()) };
    let bytes = std::fs::read(path)?;
    Ok(bytes.as_chunks::<32>().0.iter().map(|digest| Digest::from_bytes(*digest)).collect())
}

/// Regular files that are worth a sample.
pub(super) fn choose(unpacked: &Unpacked, known: &dyn Fn(&Digest) -> bool) -> BTreeSet<Digest> {
    let wanted = |file: &&File| (LEAST_BYTES..=MOST_BYTES).contains(&file.size());
    let files = unpacked.files.iter().filter(wanted);
    files.filter_map(File::digest).filter(|digest| !known(digest)).collect()
}

/// Samples them, on all threads.
pub(super) fn sample(
    contents: &BTreeSet<Digest>,
    read: &(dyn Fn(&Digest) -> Option<Bytes> + Sync),
    journal: &dyn Journal,
) -> BTreeMap<Digest, Sketch> {
    let sample = |digest: &Digest| {
        let bytes = read(digest)?;
        let token = journal.begin(digest, bytes.len() as u64);
        let sketch = Sketch::of(&bytes);
        journal.end(token);
        Some((*digest, sketch))
    };
    contents.par_iter().filter_map(sample).collect()
}
