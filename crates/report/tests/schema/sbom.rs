// SPDX-License-Identifier: Apache-2.0
//! CycloneDX 1.6 and SPDX 2.3.

use kakoi_model::{Fact, Facts};
use kakoi_report::{render_cyclonedx, render_cyclonedx_vex, render_spdx};
use serde_json::Value;

use crate::sample::{exposures, sample};
use crate::validator::{assert_accepted, assert_refused};

#[test]
fn cyclonedx_is_valid_and_a_broken_document_is_refused() {
    let text = render_cyclonedx(&sample()).unwrap();
    assert_accepted("cyclonedx", "sample.cdx.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["components"][0]["type"] = "gadget".into();
    assert_refused("cyclonedx", "broken.cdx.json", &broken.to_string());
}

#[test]
fn spdx_is_valid_and_a_broken_document_is_refused() {
    let text = render_spdx(&sample()).unwrap();
    assert_accepted("spdx", "sample.spdx.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["packages"][1]["licenseDeclared"] = "no such licence".into();
    assert_refused("spdx", "broken.spdx.json", &broken.to_string());
}

#[test]
fn equal_facts_give_equal_bytes_and_only_the_time_stamp_differs_otherwise() {
    let render = |facts: &Facts| render_cyclonedx(facts).unwrap() + &render_spdx(facts).unwrap();
    assert_eq!(render(&sample()), render(&sample()));
    let mut later = sample();
    let Fact::Image(image) = &mut later.lines[0] else { panic!("the image comes first") };
    image.scanned_at = Some(1_700_000_001);
    let (one, other) = (render(&sample()), render(&later));
    let differing: Vec<_> = one.lines().zip(other.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(differing.len(), 2, "{differing:?}");
}

#[test]
fn components_depend_on_the_libraries_that_their_files_need() {
    let bom: Value = serde_json::from_str(&render_cyclonedx(&sample()).unwrap()).unwrap();
    assert_eq!(bom["dependencies"][0]["ref"], "image");
    assert_eq!(bom["dependencies"][0]["dependsOn"].as_array().map(Vec::len), Some(3));
    assert_eq!(bom["dependencies"][1]["dependsOn"], serde_json::json!(["component-1"]));
    let document: Value = serde_json::from_str(&render_spdx(&sample()).unwrap()).unwrap();
    let depends = serde_json::json!({
        "spdxElementId": "SPDXRef-component-0",
        "relatedSpdxElement": "SPDXRef-component-1",
        "relationshipType": "DEPENDS_ON",
    });
    assert!(document["relationships"].as_array().unwrap().contains(&depends));
}

#[test]
fn cyclonedx_with_vulnerabilities_is_valid_and_an_unknown_state_is_refused() {
    let text = render_cyclonedx_vex(&sample(), &exposures()).unwrap();
    assert_accepted("cyclonedx", "vex.cdx.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["vulnerabilities"][0]["analysis"]["state"] = "probably fine".into();
    assert_refused("cyclonedx", "broken-vex.cdx.json", &broken.to_string());
}

#[test]
fn facts_without_an_image_are_an_error() {
    assert!(render_cyclonedx(&Facts::default()).is_err());
    assert!(render_spdx(&Facts::default()).is_err());
}
