// SPDX-License-Identifier: Apache-2.0
//! CSAF 2.0: the JSON schema of OASIS, the mandatory tests of §6.1, and the profile VEX of §4.5.

use std::collections::BTreeSet;

use kakoi_model::{Digest, Exposure};
use kakoi_report::render_csaf;
use serde_json::Value;

use crate::sample::{exposures, sample};
use crate::validator::{assert_accepted, assert_refused};

fn render(exposures: &[Exposure]) -> String {
    render_csaf(&sample(), exposures, "somebody", "https://example.invalid").unwrap()
}

#[test]
fn csaf_obeys_its_schema_and_a_broken_document_is_refused() {
    let text = render(&exposures());
    assert_accepted("csaf-schema", "sample.csaf.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["document"]["publisher"]["category"] = "gossip".into();
    assert_refused("csaf-schema", "broken.csaf.json", &broken.to_string());
}

#[test]
fn csaf_passes_the_mandatory_tests_and_a_product_that_is_nowhere_is_refused() {
    let text = render(&exposures());
    assert_accepted("csaf-tests", "kakoi-tested.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["vulnerabilities"][0]["product_status"]["known_affected"][0] = "KAKOI-99".into();
    assert_refused("csaf-tests", "kakoi-broken.json", &broken.to_string());
}

/// §6.1.6: a product has one status for each vulnerability. Two builds of one version are two products.
#[test]
fn builds_of_one_version_with_other_verdicts_do_not_contradict_each_other() {
    let mut all = exposures();
    let mut other = all[0].clone();
    other.digests = vec![Digest::of(b"another build")];
    other.verdict = kakoi_model::ExposureVerdict::FixedByBackport;
    all.push(other);
    let text = render(&all);
    assert_accepted("csaf-schema", "builds.csaf.json", &text);
    assert_accepted("csaf-tests", "kakoi-builds.json", &text);
    let csaf: Value = serde_json::from_str(&text).unwrap();
    let states = &csaf["vulnerabilities"][0]["product_status"];
    assert_ne!(states["known_affected"][0], states["fixed"][0]);
}

#[test]
fn csaf_of_an_image_of_which_nothing_is_known_is_valid_too() {
    let text = render(&[]);
    assert_accepted("csaf-schema", "empty.csaf.json", &text);
    assert_accepted("csaf-tests", "kakoi-empty.json", &text);
    let csaf: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(csaf["document"]["category"], "csaf_base");
}

/// §4.5: a status for each product, a remedy for what is affected, a reason for what is not.
#[test]
fn csaf_has_what_its_profile_wants() {
    let csaf: Value = serde_json::from_str(&render(&exposures())).unwrap();
    assert_eq!(csaf["document"]["category"], "csaf_vex");
    let listed = csaf["product_tree"]["full_product_names"].as_array().unwrap();
    let products: BTreeSet<&str> =
        listed.iter().map(|it| it["product_id"].as_str().unwrap()).collect();
    assert_eq!(products.len(), listed.len());
    let all = csaf["vulnerabilities"].as_array().unwrap();
    assert_eq!(all.len(), 5);
    for it in all {
        assert!(it["cve"].is_string() != it["ids"].is_array());
        let states = it["product_status"].as_object().unwrap().values();
        let named = states.flat_map(|it| it.as_array().unwrap());
        assert!(named.into_iter().all(|it| products.contains(it.as_str().unwrap())));
        let has = |key: &str| it[key].is_array();
        assert_eq!(has("remediations"), it["product_status"]["known_affected"].is_array());
        let reasons = has("flags") && has("threats");
        assert_eq!(reasons, it["product_status"]["known_not_affected"].is_array());
    }
}
