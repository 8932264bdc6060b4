// SPDX-License-Identifier: Apache-2.0
//! From image bytes to a tree of files with provenance.
//!
//! [`unpack_image`] opens an image and everything nested in it. Every format is one file in
//! `formats/`, behind the [`Format`] trait; adding one costs that file, its line in the registry
//! and its golden case under `tests/corpus/`.
//!
//! Unpacking happens in memory, in a content-addressed [`Store`]; nothing is written under a name
//! that the image chose. Invariant: no file is opened, no program is started; every parser is
//! total (hostile bytes give a [`Problem`](kakoi_model::Problem), never a panic or an unbounded
//! allocation).

#![forbid(unsafe_code)]

pub mod codec;
mod engine;
mod format;
pub mod formats;
mod input;
mod kind;
mod layout;
mod magics;
mod output;
mod store;

pub use engine::{ALWAYS_ALLOWED, Limits, Unpacked, open_alone, unpack_directory, unpack_image};
pub use format::{Claim, Family, Format, FormatDoc, Magic, Refusal, Scope};
pub use input::Input;
pub use kakoi_model::{Journal, NoJournal};
pub use kind::{ContentKind, find_kind};
pub use output::{Meta, Node, Output, Spool};
pub use store::{Listener, Spill, Store};
