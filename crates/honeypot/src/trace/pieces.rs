// SPDX-License-Identifier: Apache-2.0
//! Arguments of a call from what the BPF programs took of its memory.

use std::collections::BTreeMap;

use kakoi_model::Argument;

use super::layout::{PIECES, Piece, Record};
use crate::record::calls::{self, Kind};
use crate::record::decode;

/// Which arguments of a call are pieces, in the order in which they come.
pub(super) fn pieces_of(name: &str) -> Vec<(u8, Piece)> {
    let pieces = calls::arguments_of(name).iter().filter_map(|(place, _, kind)| {
        let piece = match kind {
            Kind::Path => Piece::Text,
            Kind::Data => Piece::Data,
            Kind::Address => Piece::Address,
            Kind::Words => Piece::Words,
            _ => return None,
        };
        Some((*place, piece))
    });
    pieces.take(PIECES).collect()
}

/// The arguments that are told of this call.
pub(super) fn arguments(name: &str, record: &Record<'_>) -> BTreeMap<String, Argument> {
    let mut decoded = BTreeMap::new();
    let mut piece = 0;
    for (place, label, kind) in calls::arguments_of(name) {
        let value = record.arguments.get(usize::from(*place)).copied().unwrap_or(0);
        let argument = match decode::number(*kind, value) {
            Some(told) => told,
            None => {
                let bytes = record.pieces.get(piece).copied().unwrap_or_default();
                let missing = record.missing & (1 << piece) != 0;
                piece += 1;
                if value == 0 || (missing && bytes.is_empty()) {
                    None
                } else {
                    of_bytes(*kind, bytes)
                }
            }
        };
        decoded.extend(argument.map(|argument| ((*label).to_owned(), argument)));
    }
    decoded
}

fn of_bytes(kind: Kind, bytes: &[u8]) -> Option<Argument> {
    match kind {
        Kind::Words => Some(Argument::List(words(bytes))),
        Kind::Address => decode::address(bytes).map(Argument::Text),
        Kind::Data => Some(Argument::Text(String::from_utf8_lossy(bytes).into_owned())),
        _ => Some(Argument::Text(text(bytes))),
    }
}

/// A text up to its NUL.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Texts that each end with a NUL.
pub(super) fn words(bytes: &[u8]) -> Vec<String> {
    bytes.split_inclusive(|byte| *byte == 0).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_at_most_are_asked_for_and_come_in_order() {
        assert_eq!(pieces_of("renameat"), [(1, Piece::Text), (3, Piece::Text)]);
        assert_eq!(pieces_of("execve"), [(0, Piece::Text), (1, Piece::Words)]);
        assert_eq!(pieces_of("sendto"), [(1, Piece::Data), (4, Piece::Address)]);
        assert!(pieces_of("getpid").is_empty());
        assert_eq!(words(b"sh\0-c\0id\0"), ["sh", "-c", "id"]);
    }
}
