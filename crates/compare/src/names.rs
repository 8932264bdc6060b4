// SPDX-License-Identifier: Apache-2.0
//! What functions are called: by the symbols of the file, by its compressed mini debug information, by a separate debug file.

use std::collections::BTreeMap;
use std::io::Read;

use kakoi_syscalls::object::{Object, SymbolKind, section_bytes};

/// Names by address, and whether other files may bind to them.
pub(crate) type Names = BTreeMap<u64, (String, bool)>;

/// Mini debug information is small; more is not decompressed.
const MOST_BYTES: u64 = 64 << 20;

/// All names of functions. `debug` is a separate debug file of the same build.
pub(crate) fn find_names(object: &Object<'_>, bytes: &[u8], debug: Option<&[u8]>) -> Names {
    let mut names = Names::new();
    take(object, object, &mut names);
    let mini = section_bytes(bytes, ".gnu_debugdata").and_then(decompress);
    for more in [mini.as_deref(), debug].into_iter().flatten() {
        if let Ok(found) = Object::parse(more) {
            take(&found, object, &mut names);
        }
    }
    names
}

fn take(from: &Object<'_>, object: &Object<'_>, into: &mut Names) {
    let functions = from.symbols.iter().filter(|symbol| {
        let kind = matches!(symbol.kind, SymbolKind::Function | SymbolKind::Chooser);
        symbol.defined && kind && !symbol.name.is_empty()
    });
    for symbol in functions {
        let address = object.without_mode(symbol.value);
        let name = base_name(&symbol.name);
        let (known, exported) =
            into.entry(address).or_insert_with(|| (name.to_owned(), !symbol.local));
        *exported |= !symbol.local;
        if is_better(name, known) {
            name.clone_into(known);
        }
    }
}

/// Aliases lie in hash order, which differs between builds: the plainest one is taken.
fn is_better(name: &str, known: &str) -> bool {
    let rank = |name: &str| (name.starts_with('_'), name.len(), name.to_owned());
    rank(name) < rank(known)
}

/// The name in the source: without what compilers append to copies of a function.
pub(crate) fn base_name(name: &str) -> &str {
    const SUFFIXES: [&str; 6] =
        [".part.", ".constprop.", ".isra.", ".cold", ".lto_priv.", ".llvm."];
    let cut = SUFFIXES.iter().filter_map(|suffix| name.find(suffix)).min();
    cut.and_then(|cut| name.get(..cut)).filter(|base| !base.is_empty()).unwrap_or(name)
}

/// XZ, as GDB's "MiniDebugInfo" has it.
fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(packed).take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{base_name, is_better};

    #[test]
    fn copies_of_a_function_have_its_name() {
        assert_eq!(base_name("parse.constprop.0.isra.1"), "parse");
        assert_eq!(base_name("parse.cold"), "parse");
        assert_eq!(base_name("a.b"), "a.b");
    }

    #[test]
    fn the_plainest_alias_is_taken_in_any_order() {
        assert!(is_better("read", "__read"));
        assert!(is_better("a", "b") && !is_better("b", "a"));
    }
}
