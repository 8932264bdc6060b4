// SPDX-License-Identifier: Apache-2.0
//! What an image expects of its device: the program that the kernel starts, network interfaces, a root file system that
//! can be written or not. From facts and from the texts of its programs and scripts.

use std::collections::BTreeMap;

use kakoi_model::{ContainerId, Facts, File, FileKind, ImagePath, StartMechanism};

use crate::Error;
use crate::rootfs::Contents;

/// Expectations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Path of init.
    pub init: String,
    /// Names of interfaces that scripts do not make themselves.
    pub interfaces: Vec<String>,
    /// Was the file system one that can be written?
    pub writable: bool,
}

/// Where kernels look (init/main.c), and where vendors have it.
const INITS: &[&str] =
    &["/etc/preinit", "/sbin/init", "/etc/init", "/init", "/bin/init", "/linuxrc", "/sbin/preinit"];
/// Interfaces that drivers make. Bridges and VLANs are made by scripts.
const CARDS: &[&str] =
    &["eth", "wlan", "ra", "ath", "wifi", "nas", "pon", "usb", "wl", "rai", "apcli"];
const MOST_INTERFACES: usize = 12;
const READ_ONLY: &[&str] = &["squashfs", "cramfs", "romfs", "erofs"];
/// Larger files are not searched.
const LARGEST: u64 = 4 << 20;

/// Finds out.
///
/// # Errors
/// Nothing that a kernel would start is there.
pub fn find(facts: &Facts, root: ContainerId, contents: Contents<'_>) -> Result<Expected, Error> {
    let format = facts.containers().find(|container| container.id == root);
    let writable = format.is_none_or(|found| !READ_ONLY.contains(&found.format.as_str()));
    let init = init(facts, root).ok_or_else(|| {
        Error::Image("its root file system has no init that a kernel would start".to_owned())
    })?;
    Ok(Expected { init, interfaces: interfaces(facts, root, contents), writable })
}

fn init(facts: &Facts, root: ContainerId) -> Option<String> {
    let started = facts.start_ups().find(|start| {
        let here = start.program.as_ref().is_some_and(|program| program.container == root);
        here && start.mechanism == StartMechanism::Kernel && start.command.starts_with('/')
    });
    let known = started.map(|start| start.command.clone());
    let there = |path: &&&str| {
        let path = ImagePath::from(**path);
        facts.files().any(|file| {
            file.container == root
                && file.path == path
                && matches!(file.kind, FileKind::Regular { .. } | FileKind::Symlink { .. })
        })
    };
    known.or_else(|| INITS.iter().find(there).map(|path| (*path).to_owned()))
}

fn interfaces(facts: &Facts, root: ContainerId, contents: Contents<'_>) -> Vec<String> {
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    let wanted = |file: &&File| {
        file.container == root && file.size() > 0 && file.size() < LARGEST && is_searched(file)
    };
    for file in facts.files().filter(wanted) {
        let Some(content) = file.digest().and_then(|digest| contents(&digest)) else { continue };
        for name in names_in(&content) {
            *named.entry(name).or_insert(0) += 1;
        }
    }
    let mut found: Vec<(usize, String)> =
        named.into_iter().map(|(name, count)| (count, name)).collect();
    found.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
    let mut names: Vec<String> =
        found.into_iter().take(MOST_INTERFACES).map(|(_, name)| name).collect();
    if !names.iter().any(|name| name == "eth0") {
        names.push("eth0".to_owned());
    }
    names.sort();
    names
}

/// Programs and scripts, not pages and modules.
fn is_searched(file: &File) -> bool {
    let path = file.path.to_string();
    let runs = file.mode.is_none_or(|mode| mode & 0o111 != 0) || path.starts_with("etc");
    runs && !path.ends_with(".ko") && !path.contains(".so")
}

/// `eth0` and the like, as words of their own.
fn names_in(content: &[u8]) -> Vec<String> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-';
    content
        .split(|byte| !is_word(byte))
        .filter(|word| (3..=8).contains(&word.len()))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| {
            let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = word.len() - letters.len();
            CARDS.contains(&letters) && digits == 1 && !word.ends_with(['6', '7', '8', '9'])
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_words_and_bridges_are_left_to_scripts() {
        let found = names_in(b"ifconfig eth0 up\nbrctl addif br0 ra0\0veth0\0eth1.2 wlan0-vap0");
        assert_eq!(found, ["eth0", "ra0", "eth1"]);
    }
}
