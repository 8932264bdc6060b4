// SPDX-License-Identifier: Apache-2.0
//! From facts and findings to HTML, SARIF, CycloneDX, SPDX and the terminal.
//!
//! Invariant: depends on `model` only (not on `assess`); no file, clock or network. Equal input
//! gives equal bytes; the time stamp is part of the input.

#![forbid(unsafe_code)]

mod cyclonedx;
mod sbom;
mod spdx;

pub use cyclonedx::render_cyclonedx;
pub use spdx::render_spdx;
