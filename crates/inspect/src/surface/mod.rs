// SPDX-License-Identifier: Apache-2.0
//! Accounts, keys, permissions, listeners, and the marks of SDKs and update mechanisms.
//!
//! X.509 and keys are read by a DER reader of our own: a handful of fields is needed, and one that
//! borrows and never allocates by a length field is short. Nothing is verified cryptographically.

mod accounts;
mod der;
mod key;
mod listeners;
mod needles;
mod pem;
mod permissions;
mod sdk;
mod secrets;
mod ssh_key;
mod tokens;
mod update;
mod x509;

#[cfg(test)]
mod tests;

use regex::bytes::{Regex, RegexBuilder};

pub use accounts::find_accounts;
pub use listeners::find_listeners;
pub use permissions::find_permissions;
pub use sdk::find_sdk_marks;
pub use secrets::{find_content_secrets, find_secrets};
pub use update::find_update_marks;

/// A pattern over bytes; classes are those of ASCII. None when it is not valid, which a test of
/// each table would show.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}
