// SPDX-License-Identifier: Apache-2.0
//! The guard on one device: takes a compiled policy ([`Blob`]) and puts it into force by BPF
//! ([`load`]), tells what happened ([`Record`]) and what holds ([`Report`]). Where the kernel module is loaded
//! it hands the policy to that ([`Module`]).
//!
//! The programs are C (bpf/), compiled by the build script and carried inside. Whether a hook holds is
//! known by attaching a program to it; a kernel may accept the program and refuse to attach it.
//!
//! Files on a file system that can be written are trusted when their digest is in a list ([`vouch`]), until they change.
//!
//! Left out: rewriting (BPF reads the kernel's arguments, it cannot change them: rewrite denies), seccomp filters of
//! domains by BPF (the module attaches those; `kakoi run` does for one program).

#![forbid(unsafe_code)]

// The module looks into a policy by itself.
#[cfg_attr(not(feature = "bpf"), allow(dead_code))]
mod blob;
mod challenge;
mod error;
mod module;
mod vouch;

mod clock;
#[cfg(feature = "bpf")]
mod event;
#[cfg(feature = "bpf")]
mod features;
#[cfg(feature = "bpf")]
mod hooks;
#[cfg(feature = "bpf")]
mod layout;
#[cfg(feature = "bpf")]
mod learn;
#[cfg(feature = "bpf")]
mod load;
#[cfg(feature = "bpf")]
mod module_status;
#[cfg(feature = "bpf")]
mod mounts;
#[cfg(feature = "bpf")]
mod pins;
#[cfg(feature = "bpf")]
mod status;
#[cfg(feature = "bpf")]
mod talk;
#[cfg(feature = "bpf")]
mod vouch_bpf;

pub use blob::{Authority, Blob, BlobFault};
pub use challenge::Asked;
pub use error::Error;
pub use module::{Module, ModuleWatch};
pub use vouch::{Claim, Vouched, Watch, parse_list, read_list, vouch};

#[cfg(feature = "bpf")]
pub use bpf::*;

/// What there is only with BPF.
#[cfg(feature = "bpf")]
mod bpf {
    pub use crate::event::{Booted, EVENT_BYTES, Record, listen};
    pub use crate::features::{Features, Way};
    pub use crate::hooks::{HOOKS, Hook, Kind, Need};
    pub use crate::layout::{Counters, Seen};
    pub use crate::learn::Learned;
    pub use crate::load::{Choice, Fared, Loaded, load};
    pub use crate::module_status::{Filters, ModuleHook, ModuleReport};
    pub use crate::pins::{Pinned, stop};
    pub use crate::status::{ControlState, Held, Report, describe, report};
    pub use crate::vouch_bpf::BpfWatch;
    pub use libbpf_rs::MapHandle as Ring;
}
