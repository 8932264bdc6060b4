// SPDX-License-Identifier: Apache-2.0
//! The bills of materials against the validators of their makers: the CycloneDX 1.6 JSON schema as
//! the PyPI package `cyclonedx-python-lib` ships it, and `spdx-tools` for SPDX 2.3.
//!
//! Both are installed from PyPI into a Python environment beneath target/; nothing of them is in
//! this repository. Without Python or the package index the test fails and says so.

// Helpers of a test fail like the test itself.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kakoi_model::{
    ByVersion, Component, ComponentKind, ComponentSource, ContainerId, Digest, ElfFacts, Evidence,
    Exposure, ExposureVerdict, Fact, Facts, FileRef, Image, ImagePath, Observed, OfContent, Party,
};
use kakoi_report::{
    render_csaf, render_cyclonedx, render_cyclonedx_vex, render_openvex, render_spdx,
};
use serde_json::Value;

/// Exit code 0 for a valid document, 3 for one that is refused; anything else is a broken set-up.
const VALIDATOR: &str = r#"
import sys
kind, path = sys.argv[1:]
if kind == "cyclonedx":
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    faults = [fault] if fault else []
else:
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    try:
        faults = validate_full_spdx_document(parse_file(path), "SPDX-2.3")
    except SPDXParsingError as error:
        faults = error.get_messages()
for fault in faults:
    print(str(fault)[:600])
sys.exit(3 if faults else 0)
"#;

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

/// One exposure of each verdict.
fn exposures() -> Vec<Exposure> {
    let verdicts = [
        ExposureVerdict::Vulnerable,
        ExposureVerdict::FixedByVersion,
        ExposureVerdict::FixedByBackport,
        ExposureVerdict::NotApplicableByConfiguration,
        ExposureVerdict::Unknown,
    ];
    let one = |(at, verdict): (usize, ExposureVerdict)| Exposure {
        id: if at == 4 { "GHSA-1".to_owned() } else { format!("CVE-2020-1000{at}") },
        component: format!("busybox \u{e9}\"<{}", at % 2),
        version: (at > 1).then(|| "1.30.1".to_owned()),
        purl: (at > 2).then(|| "pkg:generic/busybox@1.30.1".to_owned()),
        cpe: (at > 2).then(|| "cpe:2.3:a:busybox:busybox:1.30.1:*:*:*:*:*:*:*".to_owned()),
        digests: vec![Digest::of(&[at as u8])],
        by_version: ByVersion::Affected,
        verdict,
        evidence: vec!["seen".to_owned(), "and seen again".to_owned()],
        exploited: at == 0,
        party: Party::DeviceVendor,
        summary: if at == 1 { String::new() } else { "a hole".to_owned() },
    };
    verdicts.into_iter().enumerate().map(one).collect()
}

#[test]
fn cyclonedx_with_vulnerabilities_is_valid_and_an_unknown_state_is_refused() {
    let text = render_cyclonedx_vex(&sample(), &exposures()).unwrap();
    assert_accepted("cyclonedx", "vex.cdx.json", &text);
    let mut broken: Value = serde_json::from_str(&text).unwrap();
    broken["vulnerabilities"][0]["analysis"]["state"] = "probably fine".into();
    assert_refused("cyclonedx", "broken-vex.cdx.json", &broken.to_string());
}

/// OpenVEX 0.2.0: each status with what the specification wants beside it.
#[test]
fn openvex_has_what_each_status_needs() {
    let text = render_openvex(&sample(), &exposures(), "somebody").unwrap();
    let vex: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(vex["@context"], "https://openvex.dev/ns/v0.2.0");
    let statements = vex["statements"].as_array().unwrap();
    let states: Vec<&str> = statements.iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["affected", "fixed", "fixed", "not_affected", "under_investigation"]);
    assert!(statements[0]["action_statement"].as_str().unwrap().contains("device vendor"));
    assert_eq!(statements[3]["justification"], "vulnerable_code_not_present");
    assert!(statements.iter().all(|it| it["status_notes"] == "seen; and seen again"));
    let component = &statements[0]["products"][0]["subcomponents"][0];
    assert_eq!(component["@id"], "pkg:generic/busybox%20%C3%A9%22%3C0");
}

/// CSAF 2.0, §4.5 (profile VEX) and §6.1: a status for each product, a remedy for what is affected, a reason for what is not.
#[test]
fn csaf_has_what_its_profile_wants() {
    let text = render_csaf(&sample(), &exposures(), "somebody", "https://example.invalid").unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("sample.csaf.json"), &text).unwrap();
    let csaf: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(csaf["document"]["category"], "csaf_vex");
    let products: std::collections::BTreeSet<&str> = csaf["product_tree"]["full_product_names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["product_id"].as_str().unwrap())
        .collect();
    let all = csaf["vulnerabilities"].as_array().unwrap();
    assert_eq!(all.len(), 5);
    for it in all {
        assert!(it["cve"].is_string() != it["ids"].is_array());
        let named = it["product_status"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|it| it.as_array().unwrap());
        assert!(named.into_iter().all(|it| products.contains(it.as_str().unwrap())));
        let has = |key: &str| it[key].is_array();
        assert_eq!(has("remediations"), it["product_status"]["known_affected"].is_array());
        assert_eq!(
            has("flags") && has("threats"),
            it["product_status"]["known_not_affected"].is_array()
        );
    }
}

#[test]
fn facts_without_an_image_are_an_error() {
    assert!(render_cyclonedx(&Facts::default()).is_err());
    assert!(render_spdx(&Facts::default()).is_err());
}

/// Three components that need each optional part of both formats.
fn sample() -> Facts {
    let image = Image {
        schema: kakoi_model::SCHEMA_VERSION,
        tool: "kakoi 0.1.0".to_owned(),
        name: "router \\x1b[31m.bin".to_owned(),
        size: 4,
        digest: Digest::of(b"image"),
        scanned_at: Some(1_700_000_000),
        confined: true,
    };
    let httpd = component("lighttpd", "/usr/sbin/lighttpd", ComponentKind::Application);
    let mut openssl = component("openssl", "/lib/libcrypto.so.1.0.0", ComponentKind::Library);
    openssl.license = Some("see COPYING (GPL?)".to_owned());
    openssl.source = ComponentSource::PackageDatabase;
    let mut vendor = component("cwmpd \u{e9}\"<", "/bin/cwmpd", ComponentKind::DeviceDriver);
    vendor.version = Observed::undetermined("no-version", "no file of it tells its version");
    vendor.license = Some("LicenseRef-proprietary".to_owned());
    vendor.purl = None;
    vendor.cpe = None;
    vendor.digests.push(Digest::of(b"second"));
    let mut elf = bare_elf();
    elf.needed = vec!["libcrypto.so.1.0.0".to_owned(), "libgone.so.1".to_owned()];
    let elf = OfContent { digest: httpd.digests[0], facts: elf };
    let lines = vec![
        Fact::Image(image),
        Fact::Elf(elf),
        Fact::Component(httpd),
        Fact::Component(openssl),
        Fact::Component(vendor),
    ];
    Facts { lines }
}

fn component(name: &str, path: &str, kind: ComponentKind) -> Component {
    let file = FileRef { container: ContainerId(1), path: ImagePath::from(path) };
    Component {
        name: name.to_owned(),
        kind,
        version: Observed::Present("1.0.2k".to_owned()),
        supplier: Some(name.to_owned()),
        license: Some("BSD-3-Clause OR GPL-2.0-only".to_owned()),
        purl: Some(format!("pkg:generic/{name}@1.0.2k")),
        cpe: Some(format!("cpe:2.3:a:{name}:{name}:1.0.2k:*:*:*:*:*:*:*")),
        upstream: Some("upstream".to_owned()),
        depends: Vec::new(),
        files: vec![file.clone()],
        digests: vec![Digest::of(path.as_bytes())],
        source: ComponentSource::VersionString,
        evidence: vec![
            Evidence::at("version string", 40).in_file(file).with_excerpt(b"OpenSSL 1.0.2k"),
        ],
    }
}

fn bare_elf() -> ElfFacts {
    let absent = serde_json::json!({"is": "absent"});
    let mitigation = serde_json::json!({"observed": absent});
    serde_json::from_value(serde_json::json!({
        "bits": 32, "endian": "big", "machine": "mips", "role": "executable",
        "linkage": absent, "libc": mitigation, "compiler": absent, "symbols": absent,
        "hardening": {
            "nx": mitigation, "pie": mitigation, "relro": mitigation,
            "stack_protector": mitigation, "fortify": mitigation, "stack_clash": mitigation,
            "control_flow": mitigation, "search_path": absent, "text_relocations": absent,
            "writable_executable": absent,
        },
    }))
    .expect("facts that say nothing")
}

fn assert_accepted(kind: &str, name: &str, text: &str) {
    let output = validate(kind, name, text);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn assert_refused(kind: &str, name: &str, text: &str) {
    let output = validate(kind, name, text);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

fn validate(kind: &str, name: &str, text: &str) -> Output {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sbom-schema");
    let python = python_with_validators(&folder);
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file beneath target/");
    let mut command = Command::new(python);
    command.args(["-c", VALIDATOR, kind]).arg(path).output().expect("Python runs")
}

/// A Python environment with both validators, made once.
fn python_with_validators(folder: &Path) -> PathBuf {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONCE.lock();
    let python = folder.join("venv/bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        std::fs::create_dir_all(folder).expect("a folder beneath target/");
        let made = Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")).status();
        assert!(made.expect("this test needs python3").success(), "python3 -m venv failed");
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "cyclonedx-python-lib[json-validation]==11.*",
        ]);
        let installed = pip.arg("spdx-tools==0.8.*").status().expect("pip runs");
        assert!(
            installed.success(),
            "the validators could not be installed from the package index"
        );
        std::fs::write(ready, "").expect("a file beneath target/");
    }
    python
}
