// SPDX-License-Identifier: Apache-2.0
//! Imported functions, and which of them are dangerous.

use super::symbol::Symbols;

/// Why a function is on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Danger {
    /// Hands a command line to a shell.
    Shell,
    /// Starts another program.
    Exec,
    /// Writes to a buffer whose size it does not know.
    UnboundedCopy,
    /// Writes formatted text to a buffer whose size it does not know.
    UnboundedFormat,
    /// Reads input into a buffer whose size it does not know.
    UnboundedInput,
    /// Cuts or leaves out the end of the text when the buffer is too small.
    Termination,
    /// Names a file that somebody else may create first.
    TemporaryFile,
    /// Checks a file that may be another one when it is used.
    Race,
    /// Random numbers that can be predicted.
    WeakRandom,
    /// Loads code by name at run time.
    LoadsCode,
    /// A broken or short hash or cipher by construction.
    WeakCrypto,
}

/// Dangerous functions by name, sorted. Sources: CWE-78, 120, 134, 242, 327, 338, 362, 377, 676;
/// SEI CERT C (MSC24-C, MSC30-C, ENV33-C); the Linux manual's own BUGS sections.
const DANGEROUS: &[(&str, Danger)] = &[
    ("access", Danger::Race),
    ("crypt", Danger::WeakCrypto),
    ("dlopen", Danger::LoadsCode),
    ("doSystem", Danger::Shell),
    ("doSystemCmd", Danger::Shell),
    ("drand48", Danger::WeakRandom),
    ("encrypt", Danger::WeakCrypto),
    ("execl", Danger::Exec),
    ("execle", Danger::Exec),
    ("execlp", Danger::Exec),
    ("execv", Danger::Exec),
    ("execve", Danger::Exec),
    ("execveat", Danger::Exec),
    ("execvp", Danger::Exec),
    ("execvpe", Danger::Exec),
    ("fexecve", Danger::Exec),
    ("fscanf", Danger::UnboundedInput),
    ("getpass", Danger::UnboundedInput),
    ("gets", Danger::UnboundedInput),
    ("getwd", Danger::UnboundedCopy),
    ("lrand48", Danger::WeakRandom),
    ("mktemp", Danger::TemporaryFile),
    ("mrand48", Danger::WeakRandom),
    ("popen", Danger::Shell),
    ("posix_spawn", Danger::Exec),
    ("posix_spawnp", Danger::Exec),
    ("rand", Danger::WeakRandom),
    ("rand_r", Danger::WeakRandom),
    ("random", Danger::WeakRandom),
    ("realpath", Danger::UnboundedCopy),
    ("scanf", Danger::UnboundedInput),
    ("setkey", Danger::WeakCrypto),
    ("sprintf", Danger::UnboundedFormat),
    ("srand", Danger::WeakRandom),
    ("sscanf", Danger::UnboundedInput),
    ("stpcpy", Danger::UnboundedCopy),
    ("strcat", Danger::UnboundedCopy),
    ("strcpy", Danger::UnboundedCopy),
    ("strncat", Danger::Termination),
    ("strncpy", Danger::Termination),
    ("system", Danger::Shell),
    ("tempnam", Danger::TemporaryFile),
    ("tmpnam", Danger::TemporaryFile),
    ("tmpnam_r", Danger::TemporaryFile),
    ("twsystem", Danger::Shell),
    ("vfork", Danger::Exec),
    ("vfscanf", Danger::UnboundedInput),
    ("vscanf", Danger::UnboundedInput),
    ("vsprintf", Danger::UnboundedFormat),
    ("vsscanf", Danger::UnboundedInput),
    ("wcscat", Danger::UnboundedCopy),
    ("wcscpy", Danger::UnboundedCopy),
    ("wordexp", Danger::Shell),
];

/// The danger of a function. Checked variants (`__strcpy_chk`) are not dangerous, those of the
/// C99 scanner (`__isoc99_sscanf`) are like their plain names.
#[must_use]
pub fn find_danger(function: &str) -> Option<Danger> {
    let plain = ["__isoc99_", "__isoc23_", "__libc_"]
        .iter()
        .find_map(|prefix| function.strip_prefix(prefix))
        .unwrap_or(function);
    let at = DANGEROUS.binary_search_by_key(&plain, |(name, _)| name).ok()?;
    DANGEROUS.get(at).map(|(_, danger)| *danger)
}

/// Names of imported functions, sorted and distinct.
pub(super) fn find_imports(symbols: &Symbols<'_>) -> Vec<String> {
    let imported = symbols.list.iter().skip(1).filter(|symbol| symbol.is_import());
    let named = imported.filter(|symbol| !symbol.name.is_empty());
    let mut names: Vec<String> = named.map(|symbol| super::read::readable(symbol.name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_the_binary_search() {
        assert!(DANGEROUS.is_sorted_by(|one, two| one.0 < two.0));
    }

    #[test]
    fn checked_variants_are_not_dangerous_and_c99_scanners_are() {
        assert_eq!(find_danger("strcpy"), Some(Danger::UnboundedCopy));
        assert_eq!(find_danger("__strcpy_chk"), None);
        assert_eq!(find_danger("__isoc99_sscanf"), Some(Danger::UnboundedInput));
        assert_eq!(find_danger("system"), Some(Danger::Shell));
    }
}
