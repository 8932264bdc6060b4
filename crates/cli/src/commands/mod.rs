// SPDX-License-Identifier: Apache-2.0
//! One file per command: its arguments and `exec`.

pub mod extract;
pub mod formats;
pub mod profile;
pub mod rules;
pub mod scan;

mod parsing;
