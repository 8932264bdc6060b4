// SPDX-License-Identifier: Apache-2.0
//! Fewer lines: of many names of one directory, one.

use std::collections::BTreeMap;

use super::super::{Line, Lines};
use super::{GENERAL, within};

/// Lines in one list; more of one directory become its `*`, and what is still more is said.
const MANY: usize = 12;

/// Many names of one directory become `directory/*`, with the evidence of one and the count of the others.
pub(super) fn gathered(lines: Lines) -> Lines {
    let wholes: Vec<String> = lines
        .keys()
        .filter_map(|path| path.strip_suffix("/**"))
        .filter(|whole| !whole.is_empty())
        .map(str::to_owned)
        .collect();
    let mut folders: BTreeMap<String, Vec<(String, Line)>> = BTreeMap::new();
    for (path, line) in lines {
        // What a whole directory covers needs no line of its own.
        let covered =
            wholes.iter().any(|whole| within(&path, whole) && path != format!("{whole}/**"));
        if covered {
            continue;
        }
        let folder = match path.rsplit_once('/') {
            Some((folder, _)) if !path.ends_with("/**") => folder.to_owned(),
            _ => path.clone(),
        };
        folders.entry(folder).or_default().push((path, line));
    }
    let mut out = Lines::new();
    for (folder, lines) in folders {
        let general = GENERAL.contains(&folder.as_str())
            && !["/tmp", "/dev", "/var"].contains(&folder.as_str());
        match lines.first() {
            Some((_, line)) if lines.len() > MANY && !general && folder.starts_with('/') => {
                let evidence =
                    format!("{}, and {} more in this directory", line.evidence, lines.len() - 1);
                out.insert(format!("{folder}/*"), Line { known: line.known, evidence });
            }
            _ => out.extend(lines),
        }
    }
    out
}
