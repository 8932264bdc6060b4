// SPDX-License-Identifier: Apache-2.0
//! What a terminal showed, as asciicast version 2 (docs.asciinema.org/manual/asciicast/v2).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::record::now;

/// Longest recording in bytes; what comes after is not kept.
const LONGEST: u64 = 16 << 20;

/// A recording.
pub(crate) struct Cast {
    file: BufWriter<File>,
    began: Instant,
    /// The begin of a character whose end has not come.
    partial: Vec<u8>,
    length: u64,
}

impl Cast {
    pub(crate) fn begin(path: &Path, columns: u16, rows: u16) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        let header = json!({
            "version": 2, "width": columns, "height": rows, "timestamp": now().0 / 1_000_000_000,
        });
        writeln!(file, "{header}")?;
        Ok(Self { file, began: Instant::now(), partial: Vec::new(), length: 0 })
    }

    /// Bytes that were shown.
    pub(crate) fn output(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.length > LONGEST {
            return;
        }
        self.partial.extend_from_slice(bytes);
        let text = whole_characters(&mut self.partial);
        if !text.is_empty() {
            let event = json!([self.began.elapsed().as_secs_f64(), "o", text]);
            // A recording that cannot be written must not end the session.
            let _ = writeln!(self.file, "{event}");
        }
    }
}

/// Takes what is whole; bytes that begin no character are replaced.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let begun = (1..=3.min(bytes.len())).find(|back| {
        let at = bytes.len() - back;
        let needs = match bytes.get(at) {
            Some(0xc0..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf7) => 4,
            _ => 0,
        };
        needs > *back
    });
    let rest = bytes.split_off(bytes.len() - begun.unwrap_or(0));
    let whole = std::mem::replace(bytes, rest);
    String::from_utf8_lossy(&whole).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_waits_for_its_end() {
        let mut bytes = "aé".as_bytes()[..2].to_vec();
        assert_eq!(whole_characters(&mut bytes), "a");
        bytes.push(0xa9);
        assert_eq!(whole_characters(&mut bytes), "é");
        assert!(bytes.is_empty());
    }
}
