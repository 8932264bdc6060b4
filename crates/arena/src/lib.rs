// SPDX-License-Identifier: Apache-2.0
//! An image's own root file system alive in a guest; defences, benign life and scenarios in it; what came of it.
//!
//! A guest is a Debian kernel of the image's architecture under QEMU (no KVM needed), with the image's files rebuilt with
//! their owners, modes and device nodes ([`rootfs`]), and a first process of ours (`guest/init.c`) that runs the image's
//! own init in namespaces for processes, mounts and network. It records what lives ([`life`]), acts out steps, and ends.
//!
//! Invariants: a guest has no network but the host's loopback, and that only when a person looks around; it ends with the
//! process that started it, however that ends; time and output are bounded; nothing of the image is run on the host.

#![forbid(unsafe_code)]

pub mod cpio;
pub mod debian;
pub mod defence;
pub mod derivation;
pub mod document;
mod error;
pub mod expect;
pub mod guest;
mod kernel;
pub mod life;
pub mod machine;
pub mod matrix;
mod module;
pub mod refusal;
pub mod rootfs;
pub mod scenario;
mod store;
pub mod table;
mod tar;
mod tools;

pub use error::Error;
pub use store::Store;
