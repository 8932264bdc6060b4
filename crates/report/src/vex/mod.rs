// SPDX-License-Identifier: Apache-2.0
//! How an image stands to known vulnerabilities, in the forms in which others read it.
//!
//! What is only a match of versions is *under investigation*, never *affected*: nobody has looked at the code. Every statement
//! carries the evidence that it rests on.

mod csaf;
mod cyclonedx;
mod openvex;
mod sheet;

pub use csaf::render_csaf;
pub use cyclonedx::render_cyclonedx_vex;
pub use openvex::render_openvex;
pub use sheet::render_supplier_sheet;

use kakoi_model::{Exposure, ExposureVerdict, Facts, Image, Timestamp};

use serde_json::Error;

/// The states that all forms have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Affected,
    Fixed,
    NotAffected,
    UnderInvestigation,
}

fn status(exposure: &Exposure) -> Status {
    match exposure.verdict {
        ExposureVerdict::Vulnerable => Status::Affected,
        ExposureVerdict::FixedByVersion | ExposureVerdict::FixedByBackport => Status::Fixed,
        ExposureVerdict::NotApplicableByConfiguration => Status::NotAffected,
        ExposureVerdict::Unknown => Status::UnderInvestigation,
    }
}

fn evidence(exposure: &Exposure) -> String {
    exposure.evidence.join("; ")
}

/// What to do about it, for those who are affected.
fn action(exposure: &Exposure) -> String {
    format!("Ask the {} for a build with the fix of {}.", exposure.party.as_str(), exposure.id)
}

fn image(facts: &Facts) -> Result<&Image, Error> {
    crate::sbom::image(facts)
}

/// When the image was scanned; the beginning of time where that is not told.
fn moment(image: &Image) -> String {
    Timestamp(image.scanned_at.unwrap_or(0).saturating_mul(1_000_000_000)).to_string()
}

/// A component with its version, as products are named.
fn product_name(exposure: &Exposure) -> String {
    match &exposure.version {
        Some(version) => format!("{} {version}", exposure.component),
        None => format!("{} (version unknown)", exposure.component),
    }
}

/// A package URL, made up of the name where the component has none (type `generic`, purl specification).
fn purl(exposure: &Exposure) -> String {
    exposure.purl.clone().unwrap_or_else(|| {
        let version = exposure.version.as_ref().map(|it| format!("@{}", encode(it)));
        format!("pkg:generic/{}{}", encode(&exposure.component), version.unwrap_or_default())
    })
}

/// Percent-encoding of RFC 3986.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
