// SPDX-License-Identifier: Apache-2.0
//! Marks of how a device is updated: updaters, signature checks, keys, addresses.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kakoi_model::{Evidence, File, FileRef, StartMechanism, StartUp, UpdateMark, escape};
use memchr::memmem;
use regex::bytes::Regex;

use super::compile;
use crate::Root;

/// Names of programs and scripts that write firmware or packages. Sources: the manuals of the
/// projects, and the SDKs of chip vendors.
const UPDATERS: &[&str] = &[
    "sysupgrade",
    "swupdate",
    "rauc",
    "mender",
    "mender-update",
    "updatehub",
    "ostree",
    "opkg",
    "ipkg",
    "fw_update",
    "fwupdate",
    "fwupgrade",
    "firmware_upgrade",
    "upgradefw",
    "upgrade",
    "upgraded",
    "updater",
    "autoupdater",
    "mtd_write",
    "mtd-write",
    "write",
    "flashcp",
    "nandwrite",
    "fwu.sh",
    "fwu_starter.sh",
    "ota",
    "ota_update",
    "otad",
    "fota",
    "fotad",
    "update.sh",
    "upgrade.sh",
    "autoupdate",
    "auto_update",
    "fwupd",
    "apk",
    "install_image",
    "bcm_flasher",
    "firmwarecfg",
    "ncc_update",
    "upgrade_firmware.sh",
];
/// Names that count only with an argument of their own kind; too plain alone.
const PLAIN: &[&str] = &["write", "upgrade", "updater", "update.sh", "apk", "ota"];
/// Functions and tools that check a signature.
const CHECKS: &[&str] = &[
    "RSA_verify",
    "EVP_VerifyFinal",
    "EVP_DigestVerify",
    "PKCS7_verify",
    "CMS_verify",
    "ECDSA_verify",
    "mbedtls_pk_verify",
    "rsa_pkcs1_verify",
    "ed25519_verify",
    "edsign_verify",
    "usign -V",
    "openssl dgst",
    "gpg --verify",
    "signify",
    "ucert",
];
/// Longest file that is searched, in bytes.
const MAX_FILE: u64 = 8 << 20;
/// Addresses per root file system.
const MAX_ADDRESSES: usize = 50;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = "firmware|upgrade|update|ota|fota|downloads?\\.(?:openwrt|lede)|fwdl|/fw/";
    compile(&format!(
        r"(?i)\b(https?|ftp|tftp)://[\x21-\x7e--[<>\x22'`{{}}|\\]]*?(?:{words})[\x21-\x7e--[<>\x22'`{{}}|\\]]*"
    ))
});

/// Marks of the update mechanism, ordered by kind and subject.
pub fn find_update_marks(root: &Root<'_>, start_ups: &[StartUp]) -> Vec<UpdateMark> {
    let mut marks = Marks::default();
    for file in root.files() {
        let updater = is_updater(root, file);
        if updater {
            let evidence = Evidence::new("name of an updater").in_file(root.place(&file.path));
            marks.add("updater", &file.path.absolute(), evidence);
            find_automatic(&mut marks, root, file, start_ups);
        }
        find_keys(&mut marks, root, file);
        if file.size() > 0 && file.size() <= MAX_FILE {
            search(&mut marks, root, file, updater);
        }
    }
    marks.0.into_values().collect()
}

#[derive(Default)]
struct Marks(BTreeMap<(String, String), UpdateMark>);

impl Marks {
    fn add(&mut self, kind: &str, subject: &str, evidence: Evidence) {
        let key = (kind.to_owned(), subject.to_owned());
        let mark = self.0.entry(key).or_insert_with(|| UpdateMark {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            evidence: Vec::new(),
        });
        if mark.evidence.len() < 5 {
            mark.evidence.push(evidence);
        }
    }

    fn count(&self, kind: &str) -> usize {
        self.0.keys().filter(|(own, _)| own == kind).count()
    }
}

fn is_updater(root: &Root<'_>, file: &File) -> bool {
    let Ok(name) = std::str::from_utf8(file.path.file_name()) else { return false };
    let parent = file.path.parent().unwrap_or_default();
    let in_path = matches!(parent.file_name(), b"bin" | b"sbin" | b"scripts" | b"libexec");
    if !UPDATERS.contains(&name) || !in_path || file.digest().is_none() {
        return false;
    }
    let busybox = || {
        let content = root.content(file).unwrap_or_default();
        memmem::find(&content, b"BusyBox v").is_some()
    };
    !PLAIN.contains(&name) || !busybox()
}

/// An updater that a clock or the boot starts.
fn find_automatic(marks: &mut Marks, root: &Root<'_>, file: &File, start_ups: &[StartUp]) {
    let place = root.place(&file.path);
    let of_file = |known: &&StartUp| known.program.as_ref() == Some(&place);
    for known in start_ups.iter().filter(of_file) {
        if known.mechanism == StartMechanism::Cron || known.service {
            let evidence = known.chain.last().cloned().unwrap_or_else(|| starts(&place));
            marks.add("automatic", &file.path.absolute(), evidence);
        }
    }
}

fn starts(place: &FileRef) -> Evidence {
    Evidence::new("starts at boot").in_file(place.clone())
}

/// Keys that packages or images are checked with.
fn find_keys(marks: &mut Marks, root: &Root<'_>, file: &File) {
    let path = file.path.absolute();
    let in_store = path.starts_with("/etc/opkg/keys/") || path.starts_with("/etc/apk/keys/");
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let named = name.contains("public") && (name.ends_with(".pem") || name.ends_with(".key"))
        || name.ends_with(".pub") && (name.contains("update") || name.contains("release"));
    if (in_store || named) && file.digest().is_some() {
        let evidence = Evidence::new("public key").in_file(root.place(&file.path));
        marks.add("public-key", &path, evidence);
    }
}

fn search(marks: &mut Marks, root: &Root<'_>, file: &File, updater: bool) {
    let Some(content) = root.content(file) else { return };
    let place = root.place(&file.path);
    if updater {
        for check in CHECKS {
            if let Some(offset) = memmem::find(&content, check.as_bytes()) {
                let evidence = Evidence::at(*check, offset as u64).in_file(place.clone());
                marks.add("signature-check", &file.path.absolute(), evidence);
            }
        }
    }
    if memmem::find(&content, b"://").is_none() {
        return;
    }
    let Some(pattern) = ADDRESS.as_ref() else { return };
    for found in pattern.find_iter(&content).take(MAX_ADDRESSES) {
        if marks.count("update-url") >= MAX_ADDRESSES {
            return;
        }
        let address = escape(found.as_bytes().get(..found.len().min(200)).unwrap_or_default());
        let evidence = Evidence::at("address", found.start() as u64)
            .in_file(place.clone())
            .with_excerpt(found.as_bytes());
        if !address.starts_with("https") {
            marks.add("plain-http", &address, evidence.clone());
        }
        marks.add("update-url", &address, evidence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sketch;

    #[test]
    fn updaters_checks_and_addresses_are_marked() {
        let tree = Sketch::new()
            .file("/sbin/sysupgrade", 0o755, "#!/bin/sh\nusign -V -m x\n")
            .file("/etc/sysupgrade", 0o644, "not a program")
            .file(
                "/etc/opkg/distfeeds.conf",
                0o644,
                "src/gz core http://downloads.lede-project.org/releases/17.01.4\n",
            )
            .file("/etc/opkg/keys/1035ac73cc4e59e3", 0o644, "untrusted comment: x")
            .file(
                "/usr/bin/cloud",
                0o755,
                b"\x7fELF\0https://api.example.org/firmware/latest.json\0http://www.example.org/\0",
            );
        let marks: Vec<String> = find_update_marks(&tree.root(), &[])
            .iter()
            .map(|mark| format!("{} {}", mark.kind, mark.subject))
            .collect();
        assert_eq!(
            marks,
            [
                "plain-http http://downloads.lede-project.org/releases/17.01.4",
                "public-key /etc/opkg/keys/1035ac73cc4e59e3",
                "signature-check /sbin/sysupgrade",
                "update-url http://downloads.lede-project.org/releases/17.01.4",
                "update-url https://api.example.org/firmware/latest.json",
                "updater /sbin/sysupgrade",
            ]
        );
    }
}
