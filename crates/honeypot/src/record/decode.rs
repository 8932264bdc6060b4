// SPDX-License-Identifier: Apache-2.0
//! Arguments of a call, read from the memory of the process that makes it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use kakoi_kernel::Watched;
use kakoi_model::Argument;

use super::calls::{self, Kind};

/// Longest path or word that is told, in bytes (`PATH_MAX`).
const LONGEST_TEXT: usize = 4096;

/// Bytes of written data that are told.
const LONGEST_DATA: usize = 1024;

/// Words of a command that are told.
const MOST_WORDS: usize = 64;

/// The arguments that are told of this call.
pub(crate) fn decode(
    process: Watched,
    name: &str,
    arguments: &[u64; 6],
) -> BTreeMap<String, Argument> {
    let mut decoded = BTreeMap::new();
    for (place, label, kind) in calls::arguments_of(name) {
        let at = usize::from(*place);
        let Some(value) = arguments.get(at).copied() else { continue };
        let next = arguments.get(at + 1).copied().unwrap_or(0);
        if let Some(argument) = argument(process, *kind, value, next) {
            decoded.insert((*label).to_owned(), argument);
        }
    }
    decoded
}

fn argument(process: Watched, kind: Kind, value: u64, next: u64) -> Option<Argument> {
    if let Some(told) = number(kind, value) {
        return told;
    }
    match kind {
        Kind::Path => text(process, value).map(Argument::Text),
        Kind::Data => {
            let length = usize::try_from(next).unwrap_or(usize::MAX).min(LONGEST_DATA);
            let bytes = process.read(value, length);
            Some(Argument::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        Kind::Address => {
            let length = usize::try_from(next).unwrap_or(0).min(128);
            address(&process.read(value, length)).map(Argument::Text)
        }
        _ => Some(Argument::List(words(process, value))),
    }
}

/// An argument that is no address: none in it where nothing is told of this value. None: it is an address.
pub(crate) fn number(kind: Kind, value: u64) -> Option<Option<Argument>> {
    // The kernel takes the low half of a register for an `int`.
    let int = i64::from(value as u32 as i32);
    Some(match kind {
        Kind::Int => Some(Argument::Number(int)),
        Kind::Size => Some(Argument::Number(value.cast_signed())),
        Kind::At => (int != AT_FDCWD).then_some(Argument::Number(int)),
        Kind::Open => Some(calls::open_flags(value)),
        Kind::Clone => Some(calls::clone_flags(value)),
        Kind::Path | Kind::Data | Kind::Address | Kind::Words => return None,
    })
}

/// `AT_FDCWD` (include/uapi/linux/fcntl.h).
const AT_FDCWD: i64 = -100;

/// A text that ends with a zero byte. None at address zero.
fn text(process: Watched, address: u64) -> Option<String> {
    if address == 0 {
        return None;
    }
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_TEXT {
        let at = address.wrapping_add(bytes.len() as u64);
        // Up to the end of a page, behind which nothing may be mapped.
        let length = 4096 - (at % 4096);
        let part = process.read(at, usize::try_from(length.min(256)).unwrap_or(256));
        let end = part.iter().position(|byte| *byte == 0);
        bytes.extend_from_slice(&part[..end.unwrap_or(part.len())]);
        if end.is_some() || part.is_empty() {
            break;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A list of pointers to texts that ends with a null pointer.
fn words(process: Watched, address: u64) -> Vec<String> {
    let mut words = Vec::new();
    for place in 0..MOST_WORDS as u64 {
        let bytes = process.read(address.wrapping_add(place * 8), 8);
        let Ok(pointer) = <[u8; 8]>::try_from(bytes.as_slice()) else { break };
        match text(process, u64::from_ne_bytes(pointer)) {
            Some(word) => words.push(word),
            None => break,
        }
    }
    words
}

/// A socket address as people write it (ip(7), ipv6(7), unix(7)).
pub(crate) fn address(bytes: &[u8]) -> Option<String> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let port = rest.get(..2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    match u16::from_ne_bytes(*family) {
        1 => {
            let path = rest.split(|byte| *byte == 0).find(|part| !part.is_empty())?;
            Some(format!("unix:{}", String::from_utf8_lossy(path)))
        }
        2 => {
            let host: [u8; 4] = rest.get(2..6)?.try_into().ok()?;
            Some(format!("{}:{}", Ipv4Addr::from(host), port?))
        }
        10 => {
            let host: [u8; 16] = rest.get(6..22)?.try_into().ok()?;
            Some(format!("[{}]:{}", Ipv6Addr::from(host), port?))
        }
        other => Some(format!("family {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let inet = [2, 0, 0, 80, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(address(&inet).as_deref(), Some("192.0.2.7:80"));
        assert_eq!(address(b"\x01\0/dev/log\0").as_deref(), Some("unix:/dev/log"));
        assert_eq!(address(&[2, 0, 0]), None);
        assert_eq!(address(&[]), None);
    }
}
