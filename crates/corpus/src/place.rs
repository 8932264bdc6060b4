// SPDX-License-Identifier: Apache-2.0
//! Where an image comes from: its file, and what is known of it beyond its bytes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::meta::Metadata;

/// One place of an image, and what is known of it there (requirement A-2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The file, as it was named.
    pub source: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was modified, nanoseconds since 1970-01-01 UTC: whether it has to be read again.
    pub modified: i64,
    /// Who sells the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of the firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Day or year of the release, as written: it begins with the year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<String>,
    /// Where it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Place {
    /// The year of the release.
    #[must_use]
    pub fn year(&self) -> Option<u16> {
        let text = self.released.as_deref()?;
        let digits = text.get(..4).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?;
        let rest = text.get(4..).unwrap_or_default();
        let whole = !rest.starts_with(|c: char| c.is_ascii_digit()) || rest.len() == 4;
        digits.parse().ok().filter(|year| whole && (1990..2100).contains(year))
    }

    /// What a table says replaces what the path told.
    pub fn complete(&mut self, metadata: &Metadata) {
        let fields = [
            (&mut self.vendor, &metadata.vendor),
            (&mut self.model, &metadata.model),
            (&mut self.version, &metadata.version),
            (&mut self.released, &metadata.released),
            (&mut self.url, &metadata.url),
        ];
        for (field, told) in fields {
            if told.is_some() {
                field.clone_from(told);
            }
        }
    }
}

/// Vendor and model by folders: `VENDOR/MODEL/…/image`. A file without a folder has neither.
#[must_use]
pub fn vendor_from_path(relative: &Path) -> (Option<String>, Option<String>) {
    let mut folders: Vec<String> =
        relative.iter().map(|part| kakoi_model::escape(part.as_encoded_bytes())).collect();
    folders.pop();
    let mut folders = folders.into_iter();
    (folders.next(), folders.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_that_of_a_day_or_of_itself() {
        let year = |text: &str| Place { released: Some(text.into()), ..Place::default() }.year();
        assert_eq!(year("2015-03-10"), Some(2015));
        assert_eq!(year("2015"), Some(2015));
        assert_eq!(year("20150310"), Some(2015));
        assert_eq!(year("1.4.2"), None);
        assert_eq!(year("12345"), None);
    }

    #[test]
    fn folders_name_vendor_and_model() {
        let pair = |path: &str| vendor_from_path(Path::new(path));
        assert_eq!(pair("acme/r1/v2/a.bin"), (Some("acme".into()), Some("r1".into())));
        assert_eq!(pair("acme/a.bin"), (Some("acme".into()), None));
        assert_eq!(pair("a.bin"), (None, None));
    }
}
