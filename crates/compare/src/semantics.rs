// SPDX-License-Identifier: Apache-2.0
//! What code means as far as every compiler keeps it: which texts it uses, and what it asks of other files.

use std::collections::{BTreeMap, BTreeSet};

use crate::program::{Function, Program, Refer};
use crate::text::mask;

/// Calls and texts of one function, or of a whole program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Imports by their plain names, with the number of references.
    pub(crate) calls: BTreeMap<String, usize>,
    /// Masked texts.
    pub(crate) texts: BTreeSet<String>,
}

impl Meaning {
    pub(crate) fn of(program: &Program, function: &Function) -> Self {
        let mut meaning = Self::default();
        meaning.take(program, function);
        meaning
    }

    /// Of everything in it, with the texts in tables of data.
    pub(crate) fn of_program(program: &Program) -> Self {
        let mut meaning = Self::default();
        program.functions.iter().for_each(|function| meaning.take(program, function));
        meaning.texts.extend(program.table_texts.iter().map(|text| plain_text(text)));
        meaning
    }

    fn take(&mut self, program: &Program, function: &Function) {
        for refer in function.tokens.iter().flat_map(|token| &token.refers) {
            match refer {
                Refer::Import(_, number) => {
                    let name = program.imports.get(*number as usize);
                    if let Some(name) = name.and_then(|name| plain_import(name)) {
                        *self.calls.entry(name.to_owned()).or_default() += 1;
                    }
                }
                // What is no text is none in the other build either.
                Refer::Text(_, number) if program.inner_texts.contains(number) => {}
                Refer::Text(_, number) => {
                    let text = program.texts.get(*number as usize);
                    self.texts.extend(text.map(|text| plain_text(text)));
                }
                _ => {}
            }
        }
    }
}

/// `puts` prints the end of the line that `printf` has in its text.
fn plain_text(text: &str) -> String {
    mask(text.trim_end_matches('\n'))
}

/// The function that a source calls, whatever variant compilers and libraries make of it; none for what compilers add and leave
/// out as they like.
pub(crate) fn plain_import(name: &str) -> Option<&str> {
    const MADE: [&str; 38] = [
        "memcpy", "memset", "memmove", "memcmp", "bcmp", "bzero", "strlen", "strcpy", "stpcpy",
        "strncpy", "strcmp", "strncmp", "strcat", "strncat", "strchr", "strrchr", "printf", "puts",
        "putchar", "fprintf", "vfprintf", "fputs", "fputc", "putc", "fwrite", "sprintf",
        "snprintf", "strnlen", "stpncpy", "mempcpy", "strspn", "strcspn", "abort", "exit",
        "malloc", "calloc", "toupper", "tolower",
    ];
    const ADDED: [&str; 15] = [
        "__assert_fail",
        "__stack_chk_fail",
        "__cxa_finalize",
        "__gmon_start__",
        "_ITM_registerTMCloneTable",
        "__libc_start_main",
        "_ITM_deregisterTMCloneTable",
        "__stack_chk_guard",
        "_init",
        "_fini",
        "__stack_chk_fail_local",
        "errno",
        "__errno_location",
        "__tls_get_addr",
        "__gxx_personality_v0",
    ];
    if ADDED.contains(&name)
        || name.starts_with("__aeabi")
        || name.starts_with("__ctype_")
        || name.starts_with("_Unwind")
    {
        return None;
    }
    let name = name.strip_prefix("__isoc99_").or(name.strip_prefix("__isoc23_")).unwrap_or(name);
    let name = match name.strip_suffix("_chk") {
        Some(checked) => checked.strip_prefix("__").unwrap_or(checked),
        None => name,
    };
    let name = name.strip_suffix("64").filter(|plain| plain.len() > 2).unwrap_or(name);
    (!MADE.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::plain_import;

    #[test]
    fn variants_of_a_call_are_one() {
        assert_eq!(plain_import("__read_chk"), Some("read"));
        assert_eq!(plain_import("open64"), Some("open"));
        assert_eq!(plain_import("__isoc99_sscanf"), Some("sscanf"));
        assert_eq!(plain_import("__memcpy_chk"), None);
        assert_eq!(plain_import("__stack_chk_fail"), None);
    }
}
