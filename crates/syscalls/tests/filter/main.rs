// SPDX-License-Identifier: Apache-2.0
//! Compiled filters beside their specification, and beside libseccomp's (Debian: libseccomp-dev) for the same rules.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may fail, and prints what it measured"
)]

mod meaning;
mod random;
mod rival;
mod size;
