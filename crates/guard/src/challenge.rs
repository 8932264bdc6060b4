// SPDX-License-Identifier: Apache-2.0
//! An override that a vendor's signature grants: the agent asks with a challenge, and takes an Ed25519 signature (RFC 8032)
//! of exactly that text by a key that the policy names. A challenge is for one session, one length of time, this boot and
//! the policy in force; it is good for five minutes and once.
//!
//! This is the agent's word, not the kernel's: whoever is root outside every session can end the guard anyway. What it
//! gives is that whoever brings the signature need not be trusted.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ed25519_compact::{PublicKey, Signature};

use crate::blob::Blob;
use crate::error::Error;

/// Where the one challenge that is open is kept; held processes may not write there.
const OPEN: &str = "/run/kakoi/challenge";
/// Seconds for which a challenge is good.
const GOOD_FOR: u64 = 300;

/// An override that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The session, by its number.
    pub session: u32,
    /// For how long, seconds.
    pub seconds: u64,
    /// The policy in force.
    pub policy: &'a Blob,
}

impl Asked<'_> {
    /// Makes a challenge, which takes the place of one that is open.
    ///
    /// # Errors
    /// The policy names no key, or the challenge cannot be kept.
    pub fn challenge(&self) -> Result<String, Error> {
        if self.policy.authority().keys.is_empty() {
            return Err(Error::Refused("the policy names no key that could sign".to_owned()));
        }
        let mut nonce = [0; 16];
        let source = Path::new("/dev/urandom");
        fs::File::open(source)
            .and_then(|mut file| file.read_exact(&mut nonce))
            .map_err(Error::file(source))?;
        let text = format!("{}:{}", self.beginning(&boot()?), hexadecimal(&nonce));
        keep(&format!("{} {text}", crate::clock::seconds() + GOOD_FOR))?;
        Ok(text)
    }

    /// Takes a signature of the open challenge; then that is used up.
    ///
    /// # Errors
    /// It is none, of another challenge, too late, or by no key of the policy.
    pub fn redeem(&self, signature: &str) -> Result<(), Error> {
        let path = PathBuf::from(OPEN);
        let open = fs::read_to_string(&path).unwrap_or_default();
        let keys = self.policy.authority().keys;
        judge(&open, crate::clock::seconds(), &self.beginning(&boot()?), &keys, signature)
            .map_err(|why| Error::Refused(why.to_owned()))?;
        // Of two who bring it at once, one takes the file away.
        fs::remove_file(&path).map_err(Error::file(&path))
    }

    fn beginning(&self, boot: &str) -> String {
        let policy = hexadecimal(&self.policy.digest());
        format!("kakoi-override:{:08x}:{}:{boot}:{policy}", self.session, self.seconds)
    }
}

/// Is this a signature, by one of these keys, of the challenge that is open, and is that the one that was asked for?
fn judge(
    open: &str,
    now: u64,
    beginning: &str,
    keys: &[[u8; 32]],
    signature: &str,
) -> Result<(), &'static str> {
    let (until, text) = open.split_once(' ').ok_or("no challenge is open")?;
    if until.parse::<u64>().map_or(true, |until| now >= until) {
        return Err("the challenge is too old: ask for another");
    }
    if text.rsplit_once(':').is_none_or(|(asked, _)| asked != beginning) {
        return Err("the open challenge is for another session, time, policy or boot");
    }
    let bytes = bytes_of(signature.trim()).ok_or("that is no signature: 128 hexadecimal digits")?;
    let signature = Signature::from_slice(&bytes).map_err(|_| "that is no signature")?;
    let signed = |key: &[u8; 32]| {
        PublicKey::from_slice(key).is_ok_and(|key| key.verify(text, &signature).is_ok())
    };
    if keys.iter().any(signed) { Ok(()) } else { Err("no key of the policy signed the challenge") }
}

fn boot() -> Result<String, Error> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    Ok(fs::read_to_string(path).map_err(Error::file(path))?.trim().to_owned())
}

fn keep(line: &str) -> Result<(), Error> {
    let path = Path::new(OPEN);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).write(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(Error::file(path))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(text: &str) -> Option<[u8; 64]> {
    let mut bytes = [0; 64];
    if text.len() != 128 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use ed25519_compact::{KeyPair, Seed};

    use super::*;

    const BEGINNING: &str = "kakoi-override:0000002a:60:b007:d16e57";

    fn pair(seed: u8) -> (KeyPair, [u8; 32]) {
        let pair = KeyPair::from_seed(Seed::new([seed; 32]));
        (pair.clone(), *pair.pk)
    }

    fn signed(seed: u8, text: &str) -> String {
        hexadecimal(pair(seed).0.sk.sign(text, None).as_ref())
    }

    #[test]
    fn only_the_right_signature_of_the_open_challenge_is_taken() {
        let keys = [pair(1).1, pair(2).1];
        let text = format!("{BEGINNING}:00ff");
        let open = format!("500 {text}");
        let judged =
            |open: &str, now, signature: &str| judge(open, now, BEGINNING, &keys, signature);
        assert_eq!(judged(&open, 499, &signed(1, &text)), Ok(()));
        assert_eq!(judged(&open, 499, &format!("{}\n", signed(2, &text))), Ok(()));
        assert!(judged(&open, 500, &signed(1, &text)).unwrap_err().contains("too old"));
        assert!(judged(&open, 9, &signed(3, &text)).unwrap_err().contains("no key"));
        let other = format!("{BEGINNING}:00fe");
        assert!(judged(&open, 9, &signed(1, &other)).unwrap_err().contains("no key"));
        for bad in ["", "00", &"g".repeat(128), &"00".repeat(64)] {
            assert!(judged(&open, 9, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_challenge_for_another_session_or_none_at_all_is_refused() {
        let keys = [pair(1).1];
        let text = "kakoi-override:0000002b:60:b007:d16e57:00ff";
        let open = format!("500 {text}");
        let refused = judge(&open, 1, BEGINNING, &keys, &signed(1, text)).unwrap_err();
        assert!(refused.contains("another session"));
        assert!(
            judge("", 1, BEGINNING, &keys, &signed(1, text)).unwrap_err().contains("no challenge")
        );
        assert!(
            judge(&open, 1, "kakoi-override:0000002b:60:b007:d16e57", &[], &signed(1, text))
                .is_err()
        );
    }

    /// RFC 8032, 7.1, test 2: other programs sign alike.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = bytes_of(&format!(
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c{}",
            "00".repeat(32)
        ))
        .unwrap();
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let key = PublicKey::from_slice(&key[..32]).unwrap();
        assert!(
            key.verify([0x72], &Signature::from_slice(&bytes_of(signature).unwrap()).unwrap())
                .is_ok()
        );
    }
}
