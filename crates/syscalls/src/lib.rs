// SPDX-License-Identifier: Apache-2.0
//! From executables, or a recorded trace, to the system calls that a program can make.
//!
//! Invariant: no module opens a file or starts a program, and every function is total: hostile
//! bytes give an unresolved site with its reason, never a panic and never a call that is left out.

#![forbid(unsafe_code)]

pub mod arch;
pub mod export;
pub mod filter;
pub mod function;
pub mod isa;
pub mod module;
pub mod object;
pub mod profile;
pub mod program;
pub mod risk;
pub mod table;
