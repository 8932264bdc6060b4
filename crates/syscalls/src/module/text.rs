// SPDX-License-Identifier: Apache-2.0
//! Texts that lead to other files: names of libraries, and what calls of the dynamic linker get.

use std::collections::BTreeMap;

use crate::function::{Callee, Function, Input};
use crate::object::{Import, Object};

/// Longest name that is taken.
const LONGEST: usize = 256;

/// NUL-terminated texts of constant data that name a shared library, by address.
pub(super) fn find_libraries(object: &Object<'_>) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let constant = object.image.segments.iter().filter(|segment| !segment.writable);
    for segment in constant {
        for at in find_marks(segment.bytes) {
            let start = segment
                .bytes
                .get(..at)
                .and_then(|before| before.iter().rposition(|byte| *byte == 0));
            let start = start.map_or(0, |zero| zero + 1);
            let Some(rest) = segment.bytes.get(start..) else { continue };
            let Some(end) = rest.iter().take(LONGEST).position(|byte| *byte == 0) else { continue };
            let Some(name) = rest.get(..end).and_then(readable) else { continue };
            found.insert(segment.address.saturating_add(start as u64), name);
        }
    }
    found
}

/// Offsets of `.so` that ends a text or goes on with a version.
fn find_marks(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| {
            window.starts_with(b".so") && matches!(window.last(), Some(0 | b'.' | b'%'))
        })
        .map(|(at, _)| at)
}

fn readable(raw: &[u8]) -> Option<String> {
    let plain = raw.iter().all(|byte| byte.is_ascii_graphic());
    plain.then(|| String::from_utf8_lossy(raw).into_owned())
}

/// Texts at the constant addresses that calls of the dynamic linker's functions get.
pub(super) fn find_texts(
    object: &Object<'_>,
    functions: &[Function],
    imports: &BTreeMap<u32, Import>,
) -> BTreeMap<u64, String> {
    let is_linker = |callee: &Callee| match callee {
        Callee::Symbol(symbol) => imports.get(symbol).is_some_and(|import| is_lookup(&import.name)),
        _ => false,
    };
    let calls = functions.iter().flat_map(|function| &function.calls);
    calls
        .filter(|call| is_linker(&call.callee))
        .flat_map(|call| &call.inputs)
        .filter_map(|(_, input)| match input {
            Input::Constants(all) => Some(all),
            _ => None,
        })
        .flatten()
        .filter_map(|address| {
            let text = object.image.reader(*address)?.text(0, LONGEST as u64)?;
            Some((*address, readable(text).filter(|text| !text.is_empty())?))
        })
        .collect()
}

/// Functions that open libraries or look names up in them.
pub(crate) fn is_lookup(name: &str) -> bool {
    matches!(
        name,
        "dlopen" | "dlmopen" | "dlsym" | "dlvsym" | "__libc_dlopen_mode" | "__libc_dlsym"
    )
}
