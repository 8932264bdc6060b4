// SPDX-License-Identifier: Apache-2.0
//! D-Link's encrypted images. Their keys are published; what none of them opens is reported as
//! encrypted.

use kakoi_model::{Problem, ProblemCode};

use crate::Output;

mod alpha;
mod dlk;
mod encrpted;
mod mh01;
mod shrs;
mod tlv;

pub(super) use alpha::{AlphaEncimg, Wrgg};
pub(super) use dlk::Dlk;
pub(super) use encrpted::Encrpted;
pub(super) use mh01::Mh01;
pub(super) use shrs::Shrs;
pub(super) use tlv::DlinkTlv;

/// What to say when no published key fits.
fn no_key(at: usize) -> Problem {
    Problem::new(ProblemCode::Encrypted, at as u64, "image").because("no published key fits")
}

/// Decrypting needs as much memory as the image has bytes.
fn check_room(length: usize, at: usize, output: &Output<'_>) -> Result<(), Problem> {
    if length <= output.content_limit() {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::SizeLimit, at as u64, "image").because(format!("{length} bytes")))
}

/// The sixteen bytes of a field of 32 hexadecimal digits.
fn from_hex(digits: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if digits.len() != 32 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    Some(bytes)
}

/// Passphrases of the EAGLE PRO AI devices: E15, E30, R12, R15, R18, M18, M30, M32 and M60, most
/// with one for older and one for newer images.
const PASSPHRASES: [&[u8; 32]; 16] = [
    b"044b4e59846ecee953662ff2238fcc23",
    b"927fc5786df1a9557524a0289e1e3f3b",
    b"4d5ee2c8b5d0fdd9a9a2d351ba897752",
    b"238a29b9432f688e30b701548c753146",
    b"a4f7c17c3e0aa4532c2024ce6ac5f17c",
    b"6b5a65dbc1ebc492ac6d8efbbb59ae09",
    b"70070e579f97548a96a7794d4d779376",
    b"7b4df82f7f042b9d0b40971be0ff53c4",
    b"6276ccf4c1d8d6f54b481095e78ff97f",
    b"1ae6c79be7d069ca74df7670bdfc4952",
    b"b4517d9b98e04d9f075f5e78c743e097",
    b"05c79b73cf88619d7b9725505cfd718f",
    b"6b29f1d663a21b35fb45b69a42649f5e",
    b"1bfb1004e29f9eb76dbe26eb0dd87cd1",
    b"c5f8a1e22f808abc84f2e4a6fa5f10bb",
    b"6420da70a975455e4ddd6b8fa5b652e7",
];
