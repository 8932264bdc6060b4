// SPDX-License-Identifier: Apache-2.0
//! The policy from outside: reading, the C decision against the specification, the truth table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod blob;
mod equal;
mod host;
mod layout;
mod random;
mod reading;
mod shipped;
mod truth;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A policy that must be without errors.
fn policy(text: &str) -> kakoi_policy::Policy {
    let reading = kakoi_policy::read(text);
    let words = reading.render("policy", text);
    reading.policy.unwrap_or_else(|| panic!("{words}"))
}
