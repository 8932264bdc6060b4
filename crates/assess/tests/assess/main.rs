// SPDX-License-Identifier: Apache-2.0
//! Tests of the rules on made-up images.

#![allow(clippy::unwrap_used)]

mod golden;
mod router;
mod rules;
mod stages;
mod table;
mod worst;
