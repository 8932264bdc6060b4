// SPDX-License-Identifier: Apache-2.0
//! From files to facts.
//!
//! Each module looks at one kind of thing and says what it saw, with evidence; none of them
//! judges. Modules that look at one content ([`elf`], [`kernel`], [`component`], [`surface`]) see
//! each distinct content once; modules that look at a tree see a [`Root`].
//!
//! Invariant: no module opens a file, starts a program, or depends on `kernel`, `enforce` or a
//! network. Every function is total: hostile bytes give facts that are undetermined, never a panic.

#![forbid(unsafe_code)]

pub mod component;
pub mod elf;
pub mod kernel;
pub mod start_up;
pub mod surface;

mod bits;
mod image;
mod root;
mod text;

pub use image::{Subject, inspect_image};
pub use root::{Contents, Root, Sketch};
