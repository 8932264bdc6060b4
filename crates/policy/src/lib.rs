// SPDX-License-Identifier: Apache-2.0
//! The policy of the guard: one language for every backend.
//!
//! - [`read()`] takes the text to a checked [`Policy`], or to everything that is wrong with it, with
//!   line and column.
//! - [`decide()`] says what is to be done about one [`Attempt`] of a task with a [`Mark`]. It is the
//!   specification.
//! - [`derive::derive()`] makes a policy from the facts of an image.
//! - [`compile()`] makes the blob that devices load; abi/kakoi_decide.h decides on it, in BPF, in the
//!   module and on the host. Property tests and tests/policy/ hold the two equal.
//!
//! Left out: an applet that a shell runs inside itself without exec (BusyBox with
//! `FEATURE_SH_NOFORK`) is not an exec and not seen as one; its file operations are judged all the
//! same. A profile of system calls is carried by name, its filters are made elsewhere
//! ([`compile_with()`]).
//!
//! Invariant: nothing here opens a file, reads a clock or talks to a kernel.

#![forbid(unsafe_code)]

mod argv;
mod attempt;
mod built_in;
mod cases;
mod compile;
mod decide;
pub mod derive;
pub mod keys;
mod mark;
mod pattern;
mod place;
mod policy;
mod read;
mod show;
mod words;

pub use argv::{Invocation, Source};
pub use attempt::{Attempt, Mode, Object};
pub use cases::{Case, Expected, Recorded, Subject, Table};
pub use compile::{CompileError, Filter, compile, compile_with, layout};
pub use decide::{Cause, Verdict, decide, decide_attempt};
pub use mark::{Mark, invocation};
pub use pattern::Pattern;
pub use place::{Diagnostic, Place, Severity};
pub use policy::{Domain, EVERYONE, Net, Override, Policy, Rule};
pub use read::{Reading, read};
pub use show::{describe, differences, explain, reference, schema};
pub use words::*;

/// Bytes of a path that are matched; a longer one is unknown (`KK_PATH_MAX`).
pub const LONGEST_PATH: usize = layout::PATH_MAX;
