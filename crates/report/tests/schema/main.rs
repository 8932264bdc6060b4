// SPDX-License-Identifier: Apache-2.0
//! What other tools read, against the schemas and validators of their makers: CycloneDX 1.6, SPDX 2.3, CSAF 2.0, OpenVEX 0.2.0.
//!
//! They are installed from PyPI into a Python environment beneath target/; nothing of them is in this repository. Without Python
//! or the package index the tests fail and say so.

// Helpers of a test fail like the test itself.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod csaf;
mod openvex;
mod sample;
mod sbom;
mod validator;
