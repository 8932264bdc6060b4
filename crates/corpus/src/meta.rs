// SPDX-License-Identifier: Apache-2.0
//! `--meta`: a table of what is known of images, as CSV (RFC 4180) or with tabs.

use crate::CorpusError;

/// What a line says of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// SHA-256 in hexadecimal, or a path that the image's path ends with.
    pub key: String,
    /// See [`crate::Place`].
    pub vendor: Option<String>,
    /// See [`crate::Place`].
    pub model: Option<String>,
    /// See [`crate::Place`].
    pub version: Option<String>,
    /// See [`crate::Place`].
    pub released: Option<String>,
    /// See [`crate::Place`].
    pub url: Option<String>,
}

const COLUMNS: [(&str, &[&str]); 7] = [
    ("digest", &["sha256", "digest", "hash"]),
    ("path", &["path", "file", "filename", "image", "name"]),
    ("vendor", &["vendor", "manufacturer", "brand"]),
    ("model", &["model", "product", "device", "device_name"]),
    ("version", &["version", "firmware_version", "fw_version"]),
    ("released", &["released", "release_date", "date", "year"]),
    ("url", &["url", "link", "source"]),
];

/// Reads the table. The first line names the columns, in any order; those that are not known are passed over. A line with a
/// digest and a path counts for both.
///
/// # Errors
/// Neither a digest nor a path is among the columns.
pub fn parse_metadata(text: &str) -> Result<Vec<Metadata>, CorpusError> {
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or_default();
    let separator = if head.contains('\t') { '\t' } else { ',' };
    let mut rows = rows(text, separator).into_iter();
    let head: Vec<String> = rows.next().unwrap_or_default();
    let column = |wanted: &str| {
        let (_, names) = COLUMNS.iter().find(|(name, _)| *name == wanted)?;
        names
            .iter()
            .find_map(|name| head.iter().position(|it| it.trim().eq_ignore_ascii_case(name)))
    };
    let (digest, path) = (column("digest"), column("path"));
    if digest.is_none() && path.is_none() {
        let why = "the table has neither a column sha256 nor a column path in its first line";
        return Err(CorpusError::Question(why.to_owned()));
    }
    let mut found = Vec::new();
    for row in rows {
        let field = |at: Option<usize>| -> Option<String> {
            let text = row.get(at?)?.trim();
            (!text.is_empty()).then(|| kakoi_model::escape(text.as_bytes()))
        };
        let line = Metadata {
            key: String::new(),
            vendor: field(column("vendor")),
            model: field(column("model")),
            version: field(column("version")),
            released: field(column("released")),
            url: field(column("url")),
        };
        for key in [field(digest).map(|it| it.to_ascii_lowercase()), field(path)] {
            found.extend(key.map(|key| Metadata { key, ..line.clone() }));
        }
    }
    Ok(found)
}

fn rows(text: &str, separator: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut characters) = (false, text.chars().peekable());
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() && separator == ',' => quoted = !quoted,
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c if c == separator && !quoted => row.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_line_ends_within_fields_are_read() {
        let text = "SHA256,vendor,Product,date\r\nAB,\"Acme, \"\"Inc\"\"\",R\u{fc}ck,2014-05-01\r\n,,,\r\n";
        let found = parse_metadata(text).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, "ab");
        assert_eq!(found[0].vendor.as_deref(), Some("Acme, \"Inc\""));
        assert_eq!(found[0].model.as_deref(), Some("R\u{fc}ck"));
        assert_eq!(found[0].released.as_deref(), Some("2014-05-01"));
    }

    #[test]
    fn a_table_with_tabs_is_read_and_one_without_keys_refused() {
        let found = parse_metadata("path\tyear\na/b.bin\t2012\n").unwrap();
        assert_eq!(
            (found[0].key.as_str(), found[0].released.as_deref()),
            ("a/b.bin", Some("2012"))
        );
        assert!(parse_metadata("vendor,model\na,b\n").is_err());
    }
}
