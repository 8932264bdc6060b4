// SPDX-License-Identifier: Apache-2.0
//! Private keys, certificates, authorized keys and tokens in contents, and where they lie.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_model::{Digest, Evidence, File, Secret, SecretKind};
use memchr::memmem;

use super::der::length_of;
use super::key::{Key, parse_private};
use super::ssh_key::{find_authorized, parse_dropbear, parse_openssh};
use super::x509::parse_certificate;
use super::{pem, tokens};

/// Encoded values that are tried in one content.
const MAX_TRIES: usize = 200_000;
/// Secrets of one content.
const MAX_SECRETS: usize = 2000;

/// Public halves of the test keys of OpenSSL (`apps/testrsa.h`) and Mbed TLS (`library/certs.c`),
/// as [`super::key::identify`] names them.
const PUBLISHED: &[&str] = &[
    "496fd275e0c20cf090f15f648f54b05e",
    "5b1067b1bdf43c0af9ae33952042fa7f",
    "509d32be57ab93da89f0fabddf1c8587",
    "a1d5fbbe07b6af712811de30620359ab",
    "c9fc51a40f86858fc00ae36efa8f2976",
    "4eab68a0dde72a72db85263b333f7b74",
    "4c9052cb554670bcba3ba579abfdc82d",
    "2dc64f23233959acb517aa02853f2ed7",
];

/// A key or certificate in one content, with its byte offset. Where it lies is added by
/// [`find_secrets`].
pub fn find_content_secrets(content: &[u8]) -> Vec<(SecretKind, u64)> {
    let mut found: Vec<(SecretKind, u64)> = pem::find_blocks(content)
        .iter()
        .filter_map(|block| Some((kind_of_block(block)?, block.offset as u64)))
        .collect();
    found.extend(find_encoded(content));
    found.extend(parse_dropbear(content).map(|kind| (kind, 0)));
    if content.len() < 1 << 20
        && memmem::find(content, b" AAAA").is_some()
        && let Ok(text) = std::str::from_utf8(content)
    {
        found.extend(find_authorized(text));
    }
    found.extend(tokens::find_tokens(content));
    if content.starts_with(b"\x7fELF") {
        drop_published(&mut found);
    }
    found.sort_by_key(|(_, offset)| *offset);
    found.truncate(MAX_SECRETS);
    found
}

/// Crypto libraries carry keys for their self-tests, which are in every copy of the source. Only
/// inside programs and libraries: a device that uses one of them as a file is another matter.
fn drop_published(found: &mut Vec<(SecretKind, u64)>) {
    let published = |kind: &SecretKind| match kind {
        SecretKind::PrivateKey { public_key: Some(key), .. } => PUBLISHED.contains(&key.as_str()),
        _ => false,
    };
    if !found.iter().any(|(kind, _)| published(kind)) {
        return;
    }
    found.retain(|(kind, _)| match kind {
        SecretKind::PrivateKey { encrypted, .. } => !encrypted && !published(kind),
        SecretKind::Certificate { issuer, .. } => !issuer.contains("Test"),
        _ => true,
    });
}

fn kind_of_block(block: &pem::Block) -> Option<SecretKind> {
    let of_key = |key: Option<Key>, algorithm: &str| {
        let key = key.unwrap_or(Key { algorithm: "unknown", bits: None, public: None });
        let known = key.algorithm != "unknown";
        SecretKind::PrivateKey {
            algorithm: if known { key.algorithm } else { algorithm }.to_owned(),
            bits: key.bits,
            encrypted: block.encrypted,
            encoding: "pem".to_owned(),
            public_key: key.public,
        }
    };
    let clear = || if block.encrypted { None } else { parse_private(&block.content) };
    match block.label.as_str() {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            parse_certificate(&block.content)
        }
        "OPENSSH PRIVATE KEY" => parse_openssh(&block.content),
        "RSA PRIVATE KEY" => Some(of_key(clear(), "rsa")),
        "EC PRIVATE KEY" => Some(of_key(clear(), "ec")),
        "DSA PRIVATE KEY" => Some(of_key(clear(), "dsa")),
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Some(of_key(clear(), "unknown")),
        _ => None,
    }
}

/// Certificates and RSA keys that stand in a content as plain DER.
fn find_encoded(content: &[u8]) -> Vec<(SecretKind, u64)> {
    let mut found = Vec::new();
    let mut end = 0;
    for at in memmem::find_iter(content, &[0x30, 0x82]).take(MAX_TRIES) {
        if at < end {
            continue;
        }
        let Some(bytes) = content.get(at..) else { break };
        let Some(length) = length_of(bytes).filter(|length| (64..64 * 1024).contains(length))
        else {
            continue;
        };
        let Some(value) = bytes.get(..length) else { continue };
        let kind = parse_certificate(value).or_else(|| {
            let key = parse_private(value)?;
            Some(SecretKind::PrivateKey {
                algorithm: key.algorithm.to_owned(),
                bits: key.bits,
                encrypted: false,
                encoding: "der".to_owned(),
                public_key: key.public,
            })
        });
        if let Some(kind) = kind {
            found.push((kind, at as u64));
            end = at + length;
        }
    }
    found
}

/// Secrets of the image, one per distinct secret with all its places.
pub fn find_secrets(
    files: &[File],
    by_content: &HashMap<Digest, Vec<(SecretKind, u64)>>,
) -> Vec<Secret> {
    let held = held_keys(files, by_content);
    let mut secrets: BTreeMap<String, Secret> = BTreeMap::new();
    for file in files {
        let Some(digest) = file.digest() else { continue };
        for (kind, offset) in by_content.get(&digest).into_iter().flatten() {
            let authorizes = matches!(kind, SecretKind::AuthorizedKey { .. });
            if authorizes && !file.path.file_name().starts_with(b"authorized_keys") {
                continue;
            }
            let identity = identity_of(kind, &digest, *offset);
            let secret = secrets.entry(identity).or_insert_with(|| Secret {
                kind: with_key_present(kind, &held),
                files: Vec::new(),
                evidence: Evidence::at(name_of(kind), *offset).in_file(file.place()),
            });
            if !secret.files.contains(&file.place()) {
                secret.files.push(file.place());
            }
        }
    }
    let mut secrets: Vec<Secret> = secrets.into_values().collect();
    secrets.sort_by(|a, b| {
        (&a.evidence.file, a.evidence.offset).cmp(&(&b.evidence.file, b.evidence.offset))
    });
    secrets
}

/// Public halves of the private keys that lie in the image.
fn held_keys<'s>(
    files: &[File],
    by_content: &'s HashMap<Digest, Vec<(SecretKind, u64)>>,
) -> BTreeSet<&'s str> {
    let contents = files.iter().filter_map(File::digest);
    let kinds = contents.filter_map(|digest| by_content.get(&digest)).flatten();
    kinds
        .filter_map(|(kind, _)| match kind {
            SecretKind::PrivateKey { public_key, .. } => public_key.as_deref(),
            _ => None,
        })
        .collect()
}

fn with_key_present(kind: &SecretKind, held: &BTreeSet<&str>) -> SecretKind {
    let mut kind = kind.clone();
    if let SecretKind::Certificate { private_key_present, public_key, .. } = &mut kind {
        *private_key_present = public_key.as_deref().is_some_and(|key| held.contains(key));
    }
    kind
}

/// Two secrets with one identity are one. A key is known by its public half, anything else that
/// has no such name by its place in a content.
fn identity_of(kind: &SecretKind, digest: &Digest, offset: u64) -> String {
    match kind {
        SecretKind::PrivateKey { public_key: Some(key), encrypted, .. } => {
            format!("key {encrypted} {key}")
        }
        SecretKind::Certificate { subject, issuer, not_before, not_after, public_key, .. } => {
            format!("certificate {subject} {issuer} {not_before} {not_after} {public_key:?}")
        }
        _ => format!("other {digest} {offset}"),
    }
}

fn name_of(kind: &SecretKind) -> String {
    match kind {
        SecretKind::PrivateKey { algorithm, encoding, .. } => {
            format!("{algorithm} private key ({encoding})")
        }
        SecretKind::Certificate { .. } => "X.509 certificate".to_owned(),
        SecretKind::AuthorizedKey { .. } => "authorized key".to_owned(),
        SecretKind::Token { kind } => kind.clone(),
    }
}
