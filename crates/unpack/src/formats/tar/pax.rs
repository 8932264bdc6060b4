// SPDX-License-Identifier: Apache-2.0
//! Extended headers: `length key=value\n` records.

use std::collections::BTreeMap;

use kakoi_model::{Problem, ProblemCode};

use crate::Output;

/// What extended headers say of an entry.
#[derive(Default, Clone)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<usize>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<i64>,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
    pub(super) sparse: Sparse,
}

/// GNU's keys for sparse files.
#[derive(Default, Clone)]
pub(super) struct Sparse {
    pub(super) major: Option<u64>,
    pub(super) real_size: Option<usize>,
    /// Version 0.0: offsets and lengths in turn; 0.1: the list in one value.
    pub(super) map: Vec<usize>,
}

/// Offsets and lengths in the map of one sparse file.
pub(super) const MAX_MAP: usize = 1 << 17;

impl Extended {
    /// Adds the records of one extended header. A broken record ends it.
    pub(super) fn parse(&mut self, mut bytes: &[u8], offset: usize, output: &mut Output<'_>) {
        while bytes.first().is_some_and(|&byte| byte != 0) {
            let Some((key, value, rest)) = record(bytes) else {
                let problem = Problem::new(ProblemCode::BadValue, offset as u64, "pax record");
                output.problem(problem);
                return;
            };
            self.set(key, value);
            bytes = rest;
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match key {
            b"path" | b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = text.parse().ok(),
            b"uid" => self.uid = text.parse().ok(),
            b"gid" => self.gid = text.parse().ok(),
            b"mtime" => self.mtime = text.split('.').next().and_then(|whole| whole.parse().ok()),
            b"GNU.sparse.major" => self.sparse.major = text.parse().ok(),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => {
                self.sparse.real_size = text.parse().ok()
            }
            b"GNU.sparse.map" => {
                let numbers = text.split(',').take(MAX_MAP);
                self.sparse.map = numbers.filter_map(|number| number.parse().ok()).collect();
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" if self.sparse.map.len() < MAX_MAP => {
                self.sparse.map.extend(text.parse::<usize>().ok());
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.xattrs.insert(name, value.to_vec());
                }
            }
        }
    }

    /// This entry's own values, else those for all.
    pub(super) fn over(mut self, global: &Self) -> Self {
        self.path = self.path.or_else(|| global.path.clone());
        self.link = self.link.or_else(|| global.link.clone());
        self.uid = self.uid.or(global.uid);
        self.gid = self.gid.or(global.gid);
        self.mtime = self.mtime.or(global.mtime);
        self
    }
}

/// Key, value, and what follows the record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(12).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let body = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    Some((body.get(..equals)?, body.get(equals + 1..)?, bytes.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        let (key, value, rest) = record(b"12 path=abc\n9 uid=7\n").unwrap();
        assert_eq!((key, value, rest), (&b"path"[..], &b"abc"[..], &b"9 uid=7\n"[..]));
        assert!(record(b"99 path=abc\n").is_none());
        assert!(record(b"3 path=abc\n").is_none());
    }
}
