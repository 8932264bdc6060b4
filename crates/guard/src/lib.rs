// SPDX-License-Identifier: Apache-2.0
//! The guard on one device: takes a compiled policy ([`Blob`]) and puts it into force by BPF
//! ([`load`]), tells what happened ([`Record`]) and what holds ([`Report`]).
//!
//! The programs are C (bpf/), compiled by the build script and carried inside. Whether a hook holds is
//! known by attaching a program to it; a kernel may accept the program and refuse to attach it.
//!
//! Left out: lists of digests as trusted content (BPF cannot hash a file here), rewriting (BPF reads the
//! kernel's arguments, it cannot change them: rewrite denies), seccomp filters of domains (`kakoi
//! run` and the module attach those).

#![forbid(unsafe_code)]

mod blob;
mod error;
mod event;
mod features;
mod hooks;
mod layout;
mod learn;
mod load;
mod mounts;
mod pins;
mod status;
mod talk;

pub use blob::{Blob, BlobFault};
pub use error::Error;
pub use event::{Booted, EVENT_BYTES, Record, listen};
pub use features::{Features, Way};
pub use hooks::{HOOKS, Hook, Kind, Need};
pub use layout::{Counters, Seen};
pub use learn::Learned;
pub use libbpf_rs::MapHandle as Ring;
pub use load::{Choice, Fared, Loaded, load};
pub use pins::{Pinned, stop};
pub use status::{ControlState, Held, Report, describe, report};
