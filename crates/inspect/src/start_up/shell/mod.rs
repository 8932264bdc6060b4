// SPDX-License-Identifier: Apache-2.0
//! A reader of shell scripts that follows them to the programs they start, without running them.
//!
//! It is an interpreter over partly known values: a variable whose value the script and the image
//! tell has it, any other is *unknown*. A condition that is known takes one branch; an unknown one
//! takes both, and what is started there is [`Conditional`](kakoi_model::StartCertainty). No
//! program is run; a handful whose output is plain (`echo`, `cat` of a file of the image,
//! `basename`, `expr`, …) are imitated inside `$(…)`.
//!
//! Every loop, call and script draws on one budget, so a hostile script costs a bounded time.

mod arithmetic;
mod builtins;
mod condition;
mod control;
mod expand;
mod expansions;
mod parser;
mod pattern;
mod run;
mod state;
mod syntax;
mod words;

pub(super) use condition::exists;
pub(super) use parser::{MAX_SCRIPT_BYTES, parse_script};
pub(super) use run::{Script, Shell};
pub(super) use state::{Scope, Text};
pub(super) use syntax::Command;
