// SPDX-License-Identifier: Apache-2.0
//! Calls that do not come back, for listings: behind them lies other code, and what held before the call holds there no more.
//!
//! Sources: ISO C 7.22.4 and 7.13.2.1, POSIX `_exit`, glibc's manual (`error`, `err`, `__assert_fail`, `__stack_chk_fail`),
//! the Itanium C++ ABI (`__cxa_throw`, `__cxa_rethrow`), the LSB (`_Unwind_Resume`).

use std::collections::{BTreeSet, HashMap};

use super::facts::Callee;
use crate::object::Object;

const NAMES: &[&str] = &[
    "_Exit",
    "_Unwind_Resume",
    "__assert",
    "__assert_fail",
    "__assert_perror_fail",
    "__chk_fail",
    "__cxa_bad_cast",
    "__cxa_bad_typeid",
    "__cxa_call_unexpected",
    "__cxa_rethrow",
    "__cxa_throw",
    "__cxa_throw_bad_array_new_length",
    "__fortify_fail",
    "__longjmp_chk",
    "__stack_chk_fail",
    "__stack_chk_fail_local",
    "_exit",
    "_longjmp",
    "abort",
    "err",
    "errx",
    "exit",
    "g_assertion_message",
    "g_assertion_message_expr",
    "longjmp",
    "pthread_exit",
    "quick_exit",
    "siglongjmp",
    "verr",
    "verrx",
];

/// What does not come back: symbols, and stubs that lead to them.
pub(crate) struct Ends {
    symbols: BTreeSet<u32>,
    addresses: BTreeSet<u64>,
}

impl Ends {
    /// `stubs` tells what stubs lead to, by their addresses.
    pub(crate) fn of(object: &Object<'_>, stubs: &HashMap<u64, Option<Callee>>) -> Self {
        let ends = |name: &str| {
            NAMES.contains(&name) || name.starts_with("_ZSt") && name.contains("__throw_")
        };
        let named = (0_u32..).zip(&object.symbols).filter(|(_, symbol)| ends(&symbol.name));
        let (mut symbols, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for (number, symbol) in named {
            symbols.insert(number);
            if symbol.defined {
                addresses.insert(object.without_mode(symbol.value));
            }
        }
        let leads = stubs.iter().filter(|(_, callee)| {
            matches!(callee, Some(Callee::Symbol(symbol)) if symbols.contains(symbol))
        });
        addresses.extend(leads.map(|(stub, _)| object.without_mode(*stub)));
        Self { symbols, addresses }
    }

    pub(crate) fn has(&self, object: &Object<'_>, callee: Callee) -> bool {
        match callee {
            Callee::Symbol(symbol) => self.symbols.contains(&symbol),
            Callee::Address(address) => self.addresses.contains(&object.without_mode(address)),
            Callee::Entry(_) | Callee::Unknown => false,
        }
    }
}
