// SPDX-License-Identifier: Apache-2.0
//! OpenVEX 0.2.0 (<https://github.com/openvex/spec>).

use kakoi_model::{Exposure, Facts};
use serde_json::{Error, Value, json};

use super::{Status, action, evidence, image, moment, purl, status};

/// One statement for each exposure.
///
/// # Errors
/// The facts are of no image; or there is no exposure, as a document has one statement at least.
pub fn render_openvex(
    facts: &Facts,
    exposures: &[Exposure],
    author: &str,
) -> Result<String, Error> {
    let image = image(facts)?;
    if exposures.is_empty() {
        return Err(serde::ser::Error::custom(
            "nothing is known to concern the image, and OpenVEX wants one statement at least",
        ));
    }
    let product =
        format!("pkg:generic/{}?checksum=sha256:{}", super::encode(&image.name), image.digest);
    let statements: Vec<Value> =
        exposures.iter().map(|exposure| statement(exposure, &product, image)).collect();
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": format!("urn:kakoi:vex:{}", image.digest),
        "author": author,
        "role": "Document Creator",
        "timestamp": moment(image),
        "version": 1,
        "tooling": image.tool,
        "statements": statements,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn statement(exposure: &Exposure, product: &str, image: &kakoi_model::Image) -> Value {
    let mut identifiers = json!({ "purl": purl(exposure) });
    if let Some(cpe) = &exposure.cpe {
        identifiers["cpe23"] = cpe.as_str().into();
    }
    let mut component = json!({ "@id": purl(exposure), "identifiers": identifiers });
    if let [digest] = exposure.digests.as_slice() {
        component["hashes"] = json!({ "sha-256": digest });
    }
    let mut statement = json!({
        "vulnerability": { "name": exposure.id },
        "products": [{
            "@id": product,
            "hashes": { "sha-256": image.digest },
            "subcomponents": [component],
        }],
        "status_notes": evidence(exposure),
    });
    if !exposure.summary.is_empty() {
        statement["vulnerability"]["description"] = exposure.summary.as_str().into();
    }
    match status(exposure) {
        Status::Affected => {
            statement["status"] = "affected".into();
            statement["action_statement"] = action(exposure).into();
        }
        Status::Fixed => statement["status"] = "fixed".into(),
        Status::NotAffected => {
            statement["status"] = "not_affected".into();
            statement["justification"] = "vulnerable_code_not_present".into();
            statement["impact_statement"] = evidence(exposure).into();
        }
        Status::UnderInvestigation => statement["status"] = "under_investigation".into(),
    }
    statement
}
