// SPDX-License-Identifier: Apache-2.0
//! What changed between two builds of a program, or two images.
//!
//! [`Program::read`] turns an ELF file into functions whose instructions are free of addresses; [`compare`] matches the
//! functions of two programs and tells a build by other means (other path, flags, compiler, order) from a change of meaning.
//!
//! Invariant: no file is opened; hostile bytes give a [`Program`] with less in it, or an error, never a panic. Nothing that names a
//! version or a date is evidence of a change: such texts are masked before they are compared ([`text`]).

#![forbid(unsafe_code)]

mod change;
mod data;
mod encode;
mod evidence;
mod hash;
pub mod image;
mod lines;
mod matching;
mod names;
mod program;
mod semantics;
pub mod signature;
mod sketch;
pub mod text;
mod verdict;

pub use change::{Change, Differing, FirstDifference, FunctionChange};
pub use image::{FileChange, ImageDifference, MitigationChange, ValueChange, compare_images};
pub use program::{Function, Program, Refer, Token};
pub use sketch::{Likeness, Sketch};
pub use verdict::{Difference, Side, Verdict, compare};
