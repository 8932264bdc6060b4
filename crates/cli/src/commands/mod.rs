// SPDX-License-Identifier: Apache-2.0
//! One file per command: its arguments and `exec`.

pub mod arena;
pub mod corpus;
pub mod cve;
pub mod diff;
pub mod extract;
pub mod formats;
pub mod guard;
pub mod honeypot;
pub mod patches;
pub mod policy;
pub mod profile;
pub mod protect;
pub mod rules;
pub mod run;
pub mod scan;
pub mod stages;

mod opened;
mod parsing;
