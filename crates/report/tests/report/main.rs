// SPDX-License-Identifier: Apache-2.0
//! Tests of the renderers on the router of `crates/assess/tests` and on hostile names.

#![allow(clippy::unwrap_used)]

mod browser;
mod golden;
mod hostile;
mod input;
mod large;
mod sarif;
mod structure;
