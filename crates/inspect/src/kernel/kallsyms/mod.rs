// SPDX-License-Identifier: Apache-2.0
//! The kernel's own symbol table, read from a raw image that has no other symbols.
//!
//! Layouts (scripts/kallsyms.c and kernel/kallsyms.c of the versions named):
//! - up to 2.6.9: addresses, count, names; each name shares a prefix with the one before it;
//! - from 2.6.10: names are made of 256 tokens; addresses, count, names, markers (one offset for
//!   256 names), token table, token index;
//! - from 4.6: addresses may be 32-bit offsets and a base; from 4.20 markers are 32 bits wide;
//! - from 6.1: names longer than 127 bytes; an index by name of 3 bytes each before the tokens;
//! - from 6.4: addresses and the base come after the token index;
//! - 7.x: offsets count from their own place, there is no base;
//! - OpenWrt's `KALLSYMS_UNCOMPRESSED`: names as they are, no tokens.
//!
//! Nothing is found by address: each table is recognised by how it agrees with the others. Linux
//! 2.4 has no such table; vendors' backports of it are not read.

mod addresses;
mod names;
mod plain;
mod tokens;

use kakoi_model::Endian;

pub(super) use addresses::Width;

/// More symbols than any kernel has (a distribution kernel with all data symbols: 250,000).
const MAX_SYMBOLS: usize = 1_000_000;
/// `KSYM_NAME_LEN` is 512 in 6.x; a longer name means that the tables were misread.
const MAX_NAME: usize = 1024;
/// Bound on all names together.
const MAX_NAME_BYTES: usize = 64 << 20;

/// One symbol of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Address at run time, before relocation; none when the address table was not recognised.
    /// Relative to the start of the kernel when the image leaves the base to its relocations.
    pub address: Option<u64>,
    /// Type as `nm` prints it: `T` for global code, `t` for local code, `D` for data, …
    pub kind: u8,
    /// Its name. Bytes that are not UTF-8 are replaced.
    pub name: String,
}

/// A symbol table and where it lies.
pub(super) struct Kallsyms {
    /// Byte offset of the names.
    pub(super) offset: usize,
    /// In the order of addresses.
    pub(super) symbols: Vec<Symbol>,
    /// Byte order, which the tables tell.
    pub(super) endian: Endian,
}

/// Finds and reads the symbol table.
pub(super) fn find_kallsyms(content: &[u8], width: Width) -> Option<Kallsyms> {
    tokens::find_tokens(content)
        .find_map(|tokens| {
            let names = names::find_names(content, &tokens)?;
            let symbols = names::expand(content, &tokens, &names)?;
            let place = addresses::Place::new(names.count_at, Some(tokens.end), symbols.len());
            Some(finish(content, tokens.endian, width, &place, names.start, symbols))
        })
        .or_else(|| {
            let plain = plain::find_plain(content)?;
            let place = addresses::Place::new(plain.count_at, None, plain.symbols.len());
            Some(finish(content, plain.endian, width, &place, plain.start, plain.symbols))
        })
}

fn finish(
    content: &[u8],
    endian: Endian,
    width: Width,
    place: &addresses::Place,
    offset: usize,
    names: Vec<(u8, String)>,
) -> Kallsyms {
    let words = super::words::Words { bytes: content, endian };
    let addresses = addresses::find_addresses(words, width, place);
    let symbols = names
        .into_iter()
        .enumerate()
        .map(|(index, (kind, name))| {
            let address = addresses.as_ref().and_then(|all| all.get(index).copied());
            Symbol { address, kind, name }
        })
        .collect();
    Kallsyms { offset, symbols, endian }
}
