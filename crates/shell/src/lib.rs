// SPDX-License-Identifier: Apache-2.0
//! Reads shell command lines as intruders type them (POSIX.1-2017, Shell Command Language, with
//! what BusyBox ash and bash add). Nothing is run.
//!
//! It differs from a reader of scripts (that of `inspect` follows init scripts of an image) in what
//! it must stand: lines are bytes, not text; a quote, group or loop that is never closed still says
//! what it says; and each line keeps the structure that its writer saw, so that sub-commands can be
//! counted.
//!
//! Invariant: total and bounded. Any bytes give a [`Script`]; nesting beyond [`MAX_DEPTH`] and
//! what comes after [`MAX_ITEMS`] is left out and said in [`Script::damage`].

#![forbid(unsafe_code)]

mod clean;
mod escape;
mod expand;
mod parser;
mod scanner;
mod syntax;
mod word;

pub use clean::{clean_line, strip_telnet};
pub use escape::decode_escapes;
pub use expand::{Environment, Field, expand_fields, expand_word};
pub use parser::{MAX_DEPTH, MAX_ITEMS, parse_script};
pub use syntax::{
    Command, Compound, Damage, Joint, Node, Operation, Operator, Part, Redirect, Script, Simple,
    Structure, Word,
};
