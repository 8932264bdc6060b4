// SPDX-License-Identifier: Apache-2.0
//! CSAF 2.0, profile VEX (OASIS, <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>, §4.5).

use std::collections::BTreeMap;

use kakoi_model::{Exposure, Facts, Image};
use serde_json::{Error, Value, json};

use super::{Status, action, evidence, image, moment, product_name, purl, status};

/// Products by what tells them apart: builds of one version may differ in what was fixed.
type Key<'a> = (String, &'a [kakoi_model::Digest]);

fn key(exposure: &Exposure) -> Key<'_> {
    (product_name(exposure), &exposure.digests)
}

/// One vulnerability for each identifier, one product for each build of a component. Without any it is of the profile *base*, as
/// the profile VEX wants vulnerabilities.
///
/// # Errors
/// The facts are of no image.
pub fn render_csaf(
    facts: &Facts,
    exposures: &[Exposure],
    publisher: &str,
    namespace: &str,
) -> Result<String, Error> {
    let image = image(facts)?;
    let mut products: BTreeMap<Key<'_>, &Exposure> = BTreeMap::new();
    let mut by_id: BTreeMap<&str, Vec<&Exposure>> = BTreeMap::new();
    for exposure in exposures {
        products.entry(key(exposure)).or_insert(exposure);
        by_id.entry(&exposure.id).or_default().push(exposure);
    }
    let numbers: BTreeMap<Key<'_>, String> =
        products.keys().enumerate().map(|(at, key)| (key.clone(), format!("KAKOI-{at}"))).collect();
    let mut document = json!({ "document": head(image, publisher, namespace) });
    if exposures.is_empty() {
        document["document"]["category"] = "csaf_base".into();
    } else {
        let names: Vec<Value> = products
            .iter()
            .map(|(key, it)| product(&key.0, it, numbers.get(key).map(String::as_str), image))
            .collect();
        document["product_tree"] = json!({ "full_product_names": names });
        let all: Vec<Value> =
            by_id.iter().map(|(id, exposures)| vulnerability(id, exposures, &numbers)).collect();
        document["vulnerabilities"] = all.into();
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn head(image: &Image, publisher: &str, namespace: &str) -> Value {
    let moment = moment(image);
    json!({
        "category": "csaf_vex",
        "csaf_version": "2.0",
        "title": format!("Known vulnerabilities in {}", image.name),
        "publisher": { "category": "other", "name": publisher, "namespace": namespace },
        "tracking": {
            "id": format!("kakoi-{}", image.digest),
            "status": "draft",
            "version": "1",
            "initial_release_date": moment,
            "current_release_date": moment,
            "revision_history": [{ "date": moment, "number": "1", "summary": "Written by a scan." }],
            "generator": { "engine": { "name": "kakoi", "version": env!("CARGO_PKG_VERSION") } },
        },
    })
}

fn product(name: &str, exposure: &Exposure, number: Option<&str>, image: &Image) -> Value {
    let mut helper = json!({ "purl": purl(exposure) });
    if let Some(cpe) = &exposure.cpe {
        helper["cpe"] = cpe.as_str().into();
    }
    if !exposure.digests.is_empty() {
        let hash = |digest: &kakoi_model::Digest| json!({ "filename": exposure.component, "file_hashes": [{ "algorithm": "sha256", "value": digest }] });
        helper["hashes"] = exposure.digests.iter().map(hash).collect();
    }
    json!({
        "name": format!("{name} in {}", image.name),
        "product_id": number,
        "product_identification_helper": helper,
    })
}

fn vulnerability(id: &str, exposures: &[&Exposure], numbers: &BTreeMap<Key<'_>, String>) -> Value {
    let number = |exposure: &Exposure| numbers.get(&key(exposure)).cloned().unwrap_or_default();
    let mut states: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut flags, mut remedies, mut threats, mut notes) = (vec![], vec![], vec![], vec![]);
    for exposure in exposures {
        let product = number(exposure);
        let state = match status(exposure) {
            Status::Affected => {
                remedies.push(json!({ "category": "none_available", "details": action(exposure), "product_ids": [product] }));
                "known_affected"
            }
            Status::Fixed => "fixed",
            Status::NotAffected => {
                flags.push(
                    json!({ "label": "vulnerable_code_not_present", "product_ids": [product] }),
                );
                threats.push(json!({ "category": "impact", "details": evidence(exposure), "product_ids": [product] }));
                "known_not_affected"
            }
            Status::UnderInvestigation => "under_investigation",
        };
        let known = states.entry(state).or_default();
        if !known.contains(&product) {
            known.push(product);
        }
        let text = format!("{}: {}", product_name(exposure), evidence(exposure));
        notes.push(json!({ "category": "details", "title": "Evidence", "text": text }));
    }
    if let Some(summary) = exposures.iter().map(|it| &it.summary).find(|it| !it.is_empty()) {
        notes.insert(0, json!({ "category": "description", "text": summary }));
    }
    let mut it = json!({ "notes": notes, "product_status": states });
    if is_cve(id) {
        it["cve"] = id.into();
    } else {
        it["ids"] = json!([{ "system_name": "database", "text": id }]);
    }
    for (key, values) in [("flags", flags), ("remediations", remedies), ("threats", threats)] {
        if !values.is_empty() {
            it[key] = values.into();
        }
    }
    it
}

/// `CVE-`, four digits, `-`, four digits or more.
fn is_cve(id: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    id.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4 && number.len() >= 4 && digits(year) && digits(number)
    })
}
