// SPDX-License-Identifier: Apache-2.0
//! AES in CBC mode and OpenSSL's derivation of keys from passwords, for firmware whose keys are
//! published. NIST SP 800-38A; OpenSSL, EVP_BytesToKey(3).

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes256, Block};
use md5::{Digest, Md5};
use sha2::Sha256;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16;

/// Decrypts all whole blocks of `bytes`; what follows them is left out. None if the key has
/// neither 16 nor 32 bytes.
pub(crate) fn cbc(key: &[u8], iv: [u8; BLOCK], bytes: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => Some(chain(&Aes128::new_from_slice(key).ok()?, iv, bytes)),
        32 => Some(chain(&Aes256::new_from_slice(key).ok()?, iv, bytes)),
        _ => None,
    }
}

fn chain<C: BlockCipherDecrypt<BlockSize = aes::cipher::consts::U16>>(
    cipher: &C,
    mut before: [u8; BLOCK],
    bytes: &[u8],
) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    for block in bytes.chunks_exact(BLOCK) {
        let mut state = Block::default();
        state.copy_from_slice(block);
        cipher.decrypt_block(&mut state);
        plain.extend(state.iter().zip(before).map(|(byte, key)| byte ^ key));
        before.copy_from_slice(block);
    }
    plain
}

/// The text without the padding of PKCS #7; None when the padding is not whole.
pub(crate) fn unpad(mut plain: Vec<u8>) -> Option<Vec<u8>> {
    let count = usize::from(*plain.last()?);
    let keep = plain.len().checked_sub(count)?;
    let whole = (1..=BLOCK).contains(&count)
        && plain.get(keep..)?.iter().all(|&byte| usize::from(byte) == count);
    plain.truncate(keep);
    whole.then_some(plain)
}

/// The digest that derives a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Derivation {
    Md5,
    Sha256,
}

/// Key of `length` bytes and the initial vector that follows it.
pub(crate) fn derive(
    with: Derivation,
    password: &[u8],
    salt: &[u8],
    length: usize,
) -> (Vec<u8>, [u8; BLOCK]) {
    let mut material: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while material.len() < length + BLOCK {
        last.extend_from_slice(password);
        last.extend_from_slice(salt);
        last = match with {
            Derivation::Md5 => Md5::digest(&last).to_vec(),
            Derivation::Sha256 => Sha256::digest(&last).to_vec(),
        };
        material.extend_from_slice(&last);
    }
    let mut iv = [0; BLOCK];
    iv.copy_from_slice(&material[length..length + BLOCK]);
    material.truncate(length);
    (material, iv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_nist_decrypts() {
        // SP 800-38A, F.2.2.
        let key = *b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
        let iv = std::array::from_fn(|index| index as u8);
        let cipher = b"\x76\x49\xab\xac\x81\x19\xb2\x46\xce\xe9\x8e\x9b\x12\xe9\x19\x7d";
        let plain = b"\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
        assert_eq!(cbc(&key, iv, cipher).as_deref(), Some(&plain[..]));
        assert_eq!(cbc(&key[1..], iv, cipher), None);
    }

    #[test]
    fn padding_must_be_whole() {
        assert_eq!(unpad(b"text\x02\x02".to_vec()).as_deref(), Some(&b"text"[..]));
        assert_eq!(unpad(b"text\x01\x02".to_vec()), None);
        assert_eq!(unpad(b"text\0".to_vec()), None);
        assert_eq!(unpad(vec![7]), None);
    }
}
