// SPDX-License-Identifier: Apache-2.0
//! From facts and findings to HTML, SARIF, CycloneDX, SPDX, JSON and the terminal; from recorded sessions to HTML, STIX,
//! MISP, OCSF and syslog.
//!
//! Text that comes from an image is of an attacker's choosing. Each renderer escapes it in one
//! place: `html/markup.rs`, `serde_json` for SARIF and JSON, `text.rs` for the terminal.
//!
//! Invariant: depends on `model` only (not on `assess`); no file, clock or network. Equal input
//! gives equal bytes; the time stamp is part of the input.

#![forbid(unsafe_code)]

mod cyclonedx;
mod export;
mod html;
mod json;
mod overview;
mod protection;
mod rule_text;
mod sarif;
mod sbom;
mod spdx;
mod survey;
mod terminal;
mod text;
mod vex;

pub use cyclonedx::render_cyclonedx;
pub use export::{render_misp, render_ocsf, render_stix, render_syslog};
pub use html::{Session, render_html, render_protection, render_session, render_survey};
pub use json::render_json;
pub use protection::Protection;
pub use rule_text::{render_rule, render_rules};
pub use sarif::render_sarif;
pub use spdx::render_spdx;
pub use survey::{Plot, Share, SurveyPage, SurveyPart};
pub use terminal::{Colour, TerminalOptions, render_terminal};
pub use vex::{render_csaf, render_cyclonedx_vex, render_openvex, render_supplier_sheet};
