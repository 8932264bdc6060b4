// SPDX-License-Identifier: Apache-2.0
//! Keys and certificates that OpenSSL and OpenSSH made for these tests.

use std::collections::HashMap;

use kakoi_model::SecretKind;

use super::{find_content_secrets, find_secrets};
use crate::Sketch;

/// An RSA key of 512 bits and its self-signed certificate.
const SERVER: &str = include_str!("server.pem");
/// P-256 in PKCS #8, the same encrypted, and Ed25519 of OpenSSH.
const KEYS: &str = include_str!("keys.pem");
const AUTHORIZED: &str = "# keys\nno-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILR4teQUkW9822IktE1d66SoOmqWbkPnMC9Tfuo54HV3 kakoi-test\n";

fn keys(content: &[u8]) -> Vec<String> {
    find_content_secrets(content)
        .into_iter()
        .map(|(kind, _)| match kind {
            SecretKind::PrivateKey { algorithm, bits, encrypted, encoding, .. } => {
                format!("{algorithm} {bits:?} {encrypted} {encoding}")
            }
            SecretKind::Certificate { subject, key, signature, .. } => {
                format!("{subject} {key} {signature}")
            }
            SecretKind::AuthorizedKey { key } => key,
            SecretKind::Token { kind } => kind,
        })
        .collect()
}

#[test]
fn keys_of_every_form_are_told_with_length_and_encryption() {
    assert_eq!(
        keys(KEYS.as_bytes()),
        ["ec Some(256) false pem", "unknown None true pem", "ed25519 Some(256) false openssh"]
    );
    assert_eq!(
        keys(SERVER.as_bytes()),
        ["rsa Some(512) false pem", "C=TW, O=Maker, CN=camera rsa 512 sha1WithRSAEncryption"]
    );
    assert_eq!(keys(AUTHORIZED.as_bytes()), ["ssh-ed25519 kakoi-test"]);
}

#[test]
fn validity_is_what_openssl_says() {
    let found = find_content_secrets(SERVER.as_bytes());
    let Some((SecretKind::Certificate { not_before, not_after, .. }, _)) = found.get(1) else {
        panic!("no certificate in {found:?}");
    };
    assert_eq!((*not_before, *not_after), (1_795_419_622, 2_110_779_622));
}

#[test]
fn one_key_at_two_places_is_one_secret_and_its_certificate_knows_it() {
    let both = SERVER.split("-----BEGIN CERT").collect::<Vec<_>>();
    let certificate = format!("-----BEGIN CERT{}", both[1]);
    let tree = Sketch::new()
        .file("/etc/a.pem", 0o600, both[0])
        .file("/etc/b.pem", 0o600, format!("copy\n{}", both[0]))
        .file("/etc/cert.pem", 0o644, &certificate)
        .file("/etc/id.pub", 0o644, AUTHORIZED)
        .file("/root/.ssh/authorized_keys", 0o600, AUTHORIZED);
    let by_content: HashMap<_, _> = tree
        .contents
        .iter()
        .map(|(digest, content)| (*digest, find_content_secrets(content)))
        .collect();
    let secrets = find_secrets(&tree.files, &by_content);
    assert_eq!(secrets.iter().map(|secret| secret.files.len()).collect::<Vec<_>>(), [2, 1, 1]);
    let SecretKind::Certificate { private_key_present, .. } = &secrets[1].kind else {
        panic!("{:?}", secrets[1]);
    };
    assert!(private_key_present);
    let SecretKind::AuthorizedKey { .. } = &secrets[2].kind else { panic!("{:?}", secrets[2]) };
    assert_eq!(secrets[2].files[0].path.to_string(), "root/.ssh/authorized_keys");
}

#[test]
fn a_dropbear_host_key_is_told_from_its_public_half() {
    let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let number = |byte: u8, length: usize| string(&vec![byte; length]);
    let public = [string(b"ssh-rsa"), number(1, 3), number(0x7f, 128)].concat();
    assert_eq!(keys(&public), Vec::<String>::new());
    let private = [public, number(0x33, 128), number(0x55, 64), number(0x77, 64)].concat();
    assert_eq!(keys(&private), ["rsa Some(1023) false dropbear"]);
}

#[test]
fn damaged_keys_are_no_keys_and_no_panic() {
    let der = {
        let text = KEYS.lines().skip(1).take(3).collect::<String>();
        text.into_bytes()
    };
    for content in [SERVER.as_bytes(), KEYS.as_bytes(), &der] {
        for cut in (0..content.len()).step_by(7) {
            let mut copy = content.to_vec();
            copy[cut] ^= 0x11;
            find_content_secrets(&copy);
            find_content_secrets(&content[..cut]);
        }
    }
    let hostile = [0x30, 0x82, 0xff, 0xff].repeat(5000);
    assert!(find_content_secrets(&hostile).is_empty());
}
