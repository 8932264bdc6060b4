// SPDX-License-Identifier: Apache-2.0
//! What tells one SSH server from another before anybody logs in: host keys and lists of algorithms.

use std::fs;
use std::path::Path;

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::RsaKeypair;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey, key::safe_rng};
use russh::{Preferred, cipher, compression, kex, mac};

use crate::config::Config;
use crate::error::{During, Error, fail};

/// The lists of dropbear 2022.83 as Debian 12 and OpenWrt build it, in its order, read from its KEXINIT. Missing are
/// `kexguess2@matt.ucc.asn.au`, which the library has no name for, and compression, which OpenWrt leaves out as well.
pub(super) fn algorithms() -> Preferred {
    Preferred {
        kex: vec![
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::ECDH_SHA2_NISTP521,
            kex::ECDH_SHA2_NISTP384,
            kex::ECDH_SHA2_NISTP256,
            kex::DH_G14_SHA256,
            kex::DH_G14_SHA1,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
        ]
        .into(),
        host_key_certificates: Vec::new().into(),
        key: vec![
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
            Algorithm::Rsa { hash: None },
        ]
        .into(),
        cipher: vec![cipher::CHACHA20_POLY1305, cipher::AES_128_CTR, cipher::AES_256_CTR].into(),
        mac: vec![mac::HMAC_SHA1, mac::HMAC_SHA256].into(),
        compression: vec![compression::NONE].into(),
    }
}

/// Length of the RSA key in bits: what dropbear makes.
const RSA_BITS: usize = 2048;

/// The host keys, which stay the same from one start to the next where there is a place for them.
pub(super) fn load(config: &Config) -> Result<Vec<PrivateKey>, Error> {
    let place =
        config.host_keys.clone().or_else(|| Some(config.output.as_ref()?.join("host-keys")));
    let Some(place) = place else { return Ok(vec![ed25519()?, rsa()?]) };
    fs::create_dir_all(&place).during(|| format!("make {}", place.display()))?;
    Ok(vec![load_or_make(&place.join("ed25519"), ed25519)?, load_or_make(&place.join("rsa"), rsa)?])
}

fn load_or_make(path: &Path, make: fn() -> Result<PrivateKey, Error>) -> Result<PrivateKey, Error> {
    let during =
        |reason: &dyn std::fmt::Display| fail(&format!("host key {}", path.display()), reason);
    if path.exists() {
        return PrivateKey::read_openssh_file(path).map_err(|error| during(&error));
    }
    let key = make()?;
    key.write_openssh_file(path, LineEnding::LF).map_err(|error| during(&error))?;
    Ok(key)
}

fn ed25519() -> Result<PrivateKey, Error> {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519)
        .map_err(|error| fail("make a host key", error))
}

fn rsa() -> Result<PrivateKey, Error> {
    let pair = RsaKeypair::random(&mut safe_rng(), RSA_BITS);
    pair.map(PrivateKey::from).map_err(|error| fail("make a host key", error))
}
