// SPDX-License-Identifier: Apache-2.0
//! Private and public keys in DER: PKCS #1 (RFC 8017 A.1), PKCS #8 (RFC 5958), SEC 1 (RFC 5915),
//! and the DSA form of OpenSSL.

use kakoi_model::Digest;

use super::der::{BIT_STRING, Der, INTEGER, OBJECT, OCTET_STRING, SEQUENCE, bits_of};

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// `rsa`, `ec`, `dsa`, `ed25519`, `unknown`.
    pub(super) algorithm: &'static str,
    pub(super) bits: Option<u32>,
    /// Identity of the public half, where the bytes tell it.
    pub(super) public: Option<String>,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// Curves by object identifier, with their lengths in bits.
const CURVES: &[(&[u8], u32)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01], 192),
    (&[0x2b, 0x81, 0x04, 0x00, 0x21], 224),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], 256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], 256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], 384),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], 521),
];

/// Identity of a public key: a digest of its modulus or point.
pub(super) fn identify(public: &[u8]) -> Option<String> {
    (!public.is_empty()).then(|| Digest::of(public).to_string()[..32].to_owned())
}

/// Any private key that stands in the clear.
pub(super) fn parse_private(bytes: &[u8]) -> Option<Key> {
    parse_rsa(bytes)
        .or_else(|| parse_pkcs8(bytes))
        .or_else(|| parse_ec(bytes, None))
        .or_else(|| parse_dsa(bytes))
}

/// `RSAPrivateKey`: version, modulus, exponents, primes.
fn parse_rsa(bytes: &[u8]) -> Option<Key> {
    let mut key = Der::new(bytes).enter()?;
    let version = key.take(INTEGER)?;
    let modulus = key.take_number()?;
    let exponents = [key.take_number()?, key.take_number()?];
    let primes = [key.take_number()?, key.take_number()?];
    let bits = bits_of(modulus)?;
    let of_primes = bits_of(primes[0])?.checked_add(bits_of(primes[1])?)?;
    let consistent = matches!(version, [0 | 1])
        && (256..=16384).contains(&bits)
        && of_primes.abs_diff(bits) <= 1
        && exponents[0].len() <= modulus.len();
    consistent.then(|| Key { algorithm: "rsa", bits: Some(bits), public: identify(modulus) })
}

/// `PrivateKeyInfo`: version, algorithm, key in an octet string.
fn parse_pkcs8(bytes: &[u8]) -> Option<Key> {
    let mut key = Der::new(bytes).enter()?;
    if !matches!(key.take(INTEGER)?, [0 | 1]) {
        return None;
    }
    let mut algorithm = key.enter()?;
    let (object, curve) = (algorithm.take(OBJECT)?, algorithm.take(OBJECT));
    let inner = key.take(OCTET_STRING)?;
    match object {
        RSA => parse_rsa(inner),
        EC => parse_ec(inner, curve.or(Some(&[]))),
        DSA => Some(Key { algorithm: "dsa", bits: None, public: None }),
        ED25519 => Some(Key { algorithm: "ed25519", bits: Some(256), public: None }),
        _ => None,
    }
}

/// `ECPrivateKey`: version 1, key, curve, public point. Without a curve of its own it must have
/// been announced by PKCS #8.
fn parse_ec(bytes: &[u8], announced: Option<&[u8]>) -> Option<Key> {
    let mut key = Der::new(bytes).enter()?;
    if key.take(INTEGER)? != [1] {
        return None;
    }
    let private = key.take(OCTET_STRING)?;
    let (mut curve, mut public) = (announced, None);
    while let Some((tag, content)) = key.next() {
        match tag {
            0xa0 => curve = Der::new(content).take(OBJECT),
            0xa1 => public = Der::new(content).take(BIT_STRING).and_then(|bits| bits.get(1..)),
            _ => return None,
        }
    }
    curve?;
    let bits = curve.and_then(bits_of_curve);
    let bits = bits.or_else(|| u32::try_from(private.len()).ok()?.checked_mul(8));
    Some(Key { algorithm: "ec", bits, public: public.and_then(identify) })
}

/// OpenSSL: version 0, p, q, g, public, private.
fn parse_dsa(bytes: &[u8]) -> Option<Key> {
    let mut key = Der::new(bytes).enter()?;
    if key.take(INTEGER)? != [0] {
        return None;
    }
    let p = key.take_number()?;
    let q = key.take_number()?;
    let _g = key.take_number()?;
    let public = key.take_number()?;
    let _private = key.take_number()?;
    let plausible = key.is_empty() && q.len() < p.len() && p.len() >= 64 && q.len() >= 20;
    plausible.then(|| Key { algorithm: "dsa", bits: bits_of(p), public: identify(public) })
}

/// `SubjectPublicKeyInfo`.
pub(super) fn parse_public(info: &[u8]) -> Option<Key> {
    let mut info = Der::new(info);
    let mut algorithm = info.enter()?;
    let (object, parameters) = (algorithm.take(OBJECT)?, algorithm.next());
    let key = info.take(BIT_STRING)?.get(1..)?;
    Some(match object {
        RSA => {
            let modulus = Der::new(key).enter()?.take_number()?;
            Key { algorithm: "rsa", bits: bits_of(modulus), public: identify(modulus) }
        }
        EC => {
            let curve = parameters.filter(|(tag, _)| *tag == OBJECT);
            let bits = curve.and_then(|(_, curve)| bits_of_curve(curve));
            Key { algorithm: "ec", bits, public: identify(key) }
        }
        DSA => {
            let p = parameters.filter(|(tag, _)| *tag == SEQUENCE);
            let bits = p.and_then(|(_, p)| bits_of(Der::new(p).take_number()?));
            let public = Der::new(key).take_number()?;
            Key { algorithm: "dsa", bits, public: identify(public) }
        }
        ED25519 => Key { algorithm: "ed25519", bits: Some(256), public: identify(key) },
        _ => Key { algorithm: "unknown", bits: None, public: None },
    })
}

fn bits_of_curve(object: &[u8]) -> Option<u32> {
    CURVES.iter().find(|(curve, _)| *curve == object).map(|(_, bits)| *bits)
}
