// SPDX-License-Identifier: Apache-2.0
//! The distribution: os-release(5), and OpenWrt's `/etc/openwrt_release`.

use kakoi_model::{Evidence, ImagePath};

use crate::Root;

/// A distribution that a root file system says it is.
pub(super) struct Release {
    /// `openwrt`, `debian`, `buildroot`.
    pub(super) id: String,
    pub(super) version: Option<String>,
    pub(super) evidence: Evidence,
}

impl Release {
    /// `debian-12`, for package URLs.
    pub(super) fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }
}

/// The distribution of a root file system; none where no file tells.
pub(super) fn find(root: &Root<'_>) -> Vec<Release> {
    const FILES: [(&str, &str, &str); 3] = [
        ("/etc/openwrt_release", "DISTRIB_ID", "DISTRIB_RELEASE"),
        ("/etc/os-release", "ID", "VERSION_ID"),
        ("/usr/lib/os-release", "ID", "VERSION_ID"),
    ];
    let found = FILES.iter().find_map(|(path, id, version)| {
        let path = ImagePath::from(*path);
        read(root, &path, &root.read_text(&path)?, id, version)
    });
    found.into_iter().collect()
}

fn read(root: &Root<'_>, path: &ImagePath, text: &str, id: &str, version: &str) -> Option<Release> {
    let value = |key: &str| {
        text.lines().enumerate().find_map(|(index, line)| {
            let value = line.trim().strip_prefix(key)?.strip_prefix('=')?;
            let value = value.trim().trim_matches(['"', '\'']);
            (!value.is_empty()).then(|| (index + 1, line, value.to_owned()))
        })
    };
    let (line, excerpt, name) = value(id)?;
    let release = value(version);
    // Releases of OpenWrt up to 15.05 give their code name there; the number is in the description.
    let number =
        |text: &str| text.split_whitespace().find(|word| is_version(word)).map(str::to_owned);
    let version = release
        .map(|(_, _, text)| text)
        .filter(|text| is_version(text))
        .or_else(|| number(&value("DISTRIB_DESCRIPTION")?.2));
    let evidence = Evidence::new(format!("{id} of {}", path.absolute()))
        .in_file(root.place(path))
        .on_line(line)
        .with_excerpt(excerpt.as_bytes());
    Some(Release { id: name.to_lowercase(), version, evidence })
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn a_code_name_is_replaced_by_the_number_in_the_description() {
        let text = "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='Chaos Calmer'\n\
                    DISTRIB_DESCRIPTION='OpenWrt Chaos Calmer 15.05.1'\n";
        let tree = Sketch::new().file("/etc/openwrt_release", 0o644, text);
        assert_eq!(find(&tree.root())[0].label(), "openwrt-15.05.1");
    }

    #[test]
    fn os_release_is_read_and_a_snapshot_has_no_version() {
        let tree = Sketch::new().file(
            "/etc/os-release",
            0o644,
            "NAME=X\nID=\"debian\"\nVERSION_ID=\"12\"\n",
        );
        assert_eq!(find(&tree.root())[0].label(), "debian-12");
        let text = "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='SNAPSHOT'\n";
        let tree = Sketch::new().file("/etc/openwrt_release", 0o644, text);
        assert_eq!(find(&tree.root())[0].version, None);
    }
}
