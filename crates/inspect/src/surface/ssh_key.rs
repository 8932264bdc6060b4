// SPDX-License-Identifier: Apache-2.0
//! Keys of SSH: OpenSSH's own form (PROTOCOL.key), dropbear's host keys, authorized_keys(5).

use kakoi_model::{SecretKind, escape};

use super::der::bits_of;
use super::key::identify;

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// Key types, with the word for the algorithm and the length where the type fixes it.
const TYPES: &[(&str, &str, Option<u32>)] = &[
    ("ssh-rsa", "rsa", None),
    ("ssh-dss", "dsa", None),
    ("ssh-ed25519", "ed25519", Some(256)),
    ("ecdsa-sha2-nistp256", "ec", Some(256)),
    ("ecdsa-sha2-nistp384", "ec", Some(384)),
    ("ecdsa-sha2-nistp521", "ec", Some(521)),
];
/// Lines of authorized_keys that are read.
const MAX_LINES: usize = 10_000;

/// Length-prefixed strings (RFC 4251 §5).
struct Strings<'b>(&'b [u8]);

impl<'b> Strings<'b> {
    fn next(&mut self) -> Option<&'b [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let string = rest.get(..length)?;
        self.0 = rest.get(length..)?;
        Some(string)
    }

    /// A non-negative number without leading zeros.
    fn next_number(&mut self) -> Option<&'b [u8]> {
        let string = self.next()?;
        let zeros = string.iter().take_while(|byte| **byte == 0).count();
        string.get(zeros..).filter(|number| !number.is_empty())
    }
}

/// The content of an `OPENSSH PRIVATE KEY`.
pub(super) fn parse_openssh(bytes: &[u8]) -> Option<SecretKind> {
    let mut strings = Strings(bytes.strip_prefix(MAGIC)?);
    let cipher = strings.next()?;
    let (_kdf, _options) = (strings.next()?, strings.next()?);
    let (_count, rest) = strings.0.split_at_checked(4)?;
    let public = Strings(rest).next()?;
    let (algorithm, bits, identity) = parse_public(public)?;
    Some(SecretKind::PrivateKey {
        algorithm,
        bits,
        encrypted: cipher != b"none",
        encoding: "openssh".to_owned(),
        public_key: identity,
    })
}

/// A public key blob (RFC 4253 §6.6): algorithm, bits, identity.
fn parse_public(blob: &[u8]) -> Option<(String, Option<u32>, Option<String>)> {
    let mut strings = Strings(blob);
    let (name, algorithm, bits) = find_type(strings.next()?)?;
    match name {
        "ssh-rsa" => {
            let _exponent = strings.next_number()?;
            let modulus = strings.next_number()?;
            Some((algorithm.to_owned(), bits_of(modulus), identify(modulus)))
        }
        "ssh-dss" => {
            let p = strings.next_number()?;
            Some((algorithm.to_owned(), bits_of(p), None))
        }
        "ssh-ed25519" => Some((algorithm.to_owned(), bits, identify(strings.next()?))),
        _ => {
            let _curve = strings.next()?;
            Some((algorithm.to_owned(), bits, identify(strings.next()?)))
        }
    }
}

/// A dropbear host key: the public blob, followed by the private numbers.
pub(super) fn parse_dropbear(bytes: &[u8]) -> Option<SecretKind> {
    if bytes.len() > 16 * 1024 {
        return None;
    }
    let mut strings = Strings(bytes);
    let (name, algorithm, fixed) = find_type(strings.next()?)?;
    let (bits, identity) = match name {
        "ssh-rsa" => {
            let (_exponent, modulus) = (strings.next_number()?, strings.next_number()?);
            (bits_of(modulus), identify(modulus))
        }
        "ssh-dss" => {
            let p = strings.next_number()?;
            let (_q, _g, public) =
                (strings.next_number()?, strings.next_number()?, strings.next_number()?);
            (bits_of(p), identify(public))
        }
        // Private and public half in one string of 64 bytes.
        "ssh-ed25519" => {
            let both = strings.next().filter(|both| both.len() == 64)?;
            return Some(private("ed25519", fixed, both.get(32..).and_then(identify)));
        }
        _ => {
            let (_curve, point) = (strings.next()?, strings.next()?);
            (fixed, identify(point))
        }
    };
    // A public key would end here.
    strings.next_number().filter(|number| number.len() >= 16)?;
    Some(private(algorithm, bits, identity))
}

fn private(algorithm: &str, bits: Option<u32>, public_key: Option<String>) -> SecretKind {
    SecretKind::PrivateKey {
        algorithm: algorithm.to_owned(),
        bits,
        encrypted: false,
        encoding: "dropbear".to_owned(),
        public_key,
    }
}

/// Lines `[options] type base64 [comment]`, with the byte offset of each.
pub(super) fn find_authorized(text: &str) -> Vec<(SecretKind, u64)> {
    let mut found = Vec::new();
    let mut offset = 0_u64;
    for line in text.split_inclusive('\n').take(MAX_LINES) {
        let mut words =
            line.split_whitespace().skip_while(|word| find_type(word.as_bytes()).is_none());
        if let (Some(kind), Some(blob)) = (words.next(), words.next())
            && blob.starts_with("AAAA")
            && !line.starts_with('#')
        {
            let comment: Vec<&str> = words.collect();
            let key = escape(format!("{kind} {}", comment.join(" ")).trim_end().as_bytes());
            found.push((SecretKind::AuthorizedKey { key }, offset));
        }
        offset += line.len() as u64;
    }
    found
}

fn find_type(name: &[u8]) -> Option<(&'static str, &'static str, Option<u32>)> {
    TYPES.iter().copied().find(|(known, _, _)| known.as_bytes() == name)
}
