// SPDX-License-Identifier: Apache-2.0
//! The words that every other crate of kakoi speaks.
//!
//! *Fact*: something observed in an image, never a judgement ([`Fact`]).
//! *Finding*: a judgement that a rule made from facts ([`Finding`]).
//! *Event*: something that happened on a device or in a honeypot ([`Event`]).
//! *Stage*: what an event or a command line was for, inferred ([`Stage`]).
//! *Problem*: something that could not be read, with the place and the reason ([`Problem`]).
//!
//! Invariant: nothing in this crate opens a file, reads a clock or talks to a network.

#![forbid(unsafe_code)]

mod component;
mod container;
mod date;
mod digest;
mod elf;
mod event;
mod evidence;
mod exposure;
mod fact;
mod finding;
mod journal;
mod kernel;
mod observed;
mod path;
mod problem;
mod stage;
mod start_up;
mod surface;
mod timestamp;

pub use component::*;
pub use container::*;
pub use date::*;
pub use digest::*;
pub use elf::*;
pub use event::*;
pub use evidence::*;
pub use exposure::*;
pub use fact::*;
pub use finding::*;
pub use journal::*;
pub use kernel::*;
pub use observed::*;
pub use path::*;
pub use problem::*;
pub use stage::*;
pub use start_up::*;
pub use surface::*;
pub use timestamp::*;

/// Version of the published fact schema (`facts.jsonl`). It rises with the field that needs it.
pub const SCHEMA_VERSION: u32 = 1;
