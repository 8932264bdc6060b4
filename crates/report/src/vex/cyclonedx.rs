// SPDX-License-Identifier: Apache-2.0
//! CycloneDX 1.6 with vulnerabilities (<https://cyclonedx.org/capabilities/vex/>).

use std::collections::BTreeMap;

use kakoi_model::{Exposure, ExposureVerdict, Facts};
use serde_json::{Error, Value, json};

use super::{evidence, image, moment, product_name, purl};

/// Components that vulnerabilities are known of, and what is known of each.
///
/// # Errors
/// The facts are of no image.
pub fn render_cyclonedx_vex(facts: &Facts, exposures: &[Exposure]) -> Result<String, Error> {
    let image = image(facts)?;
    let mut components: BTreeMap<String, &Exposure> = BTreeMap::new();
    for exposure in exposures {
        components.entry(product_name(exposure)).or_insert(exposure);
    }
    let listed: Vec<Value> = components
        .iter()
        .map(|(name, it)| {
            let mut component = json!({
                "type": "application",
                "bom-ref": name,
                "name": it.component,
                "purl": purl(it),
            });
            if let Some(version) = &it.version {
                component["version"] = version.as_str().into();
            }
            component
        })
        .collect();
    let known: Vec<Value> = exposures.iter().map(vulnerability).collect();
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": moment(image),
            "tools": { "components": [{ "type": "application", "name": "kakoi", "version": env!("CARGO_PKG_VERSION") }] },
            "component": {
                "type": "firmware",
                "bom-ref": "image",
                "name": image.name,
                "hashes": [{ "alg": "SHA-256", "content": image.digest }],
            },
        },
        "components": listed,
        "vulnerabilities": known,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn vulnerability(exposure: &Exposure) -> Value {
    let mut analysis = json!({
        "state": match exposure.verdict {
            ExposureVerdict::Vulnerable => "exploitable",
            ExposureVerdict::FixedByVersion | ExposureVerdict::FixedByBackport => "resolved",
            ExposureVerdict::NotApplicableByConfiguration => "not_affected",
            ExposureVerdict::Unknown => "in_triage",
        },
        "detail": evidence(exposure),
    });
    if exposure.verdict == ExposureVerdict::NotApplicableByConfiguration {
        analysis["justification"] = "code_not_present".into();
    }
    let mut it = json!({
        "id": exposure.id,
        "analysis": analysis,
        "affects": [{ "ref": product_name(exposure) }],
        "properties": [
            { "name": "kakoi:verdict", "value": exposure.verdict.as_str() },
            { "name": "kakoi:exploited", "value": exposure.exploited.to_string() },
            { "name": "kakoi:party", "value": exposure.party.as_str() },
        ],
    });
    if !exposure.summary.is_empty() {
        it["description"] = exposure.summary.as_str().into();
    }
    it
}
