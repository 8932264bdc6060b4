// SPDX-License-Identifier: Apache-2.0
//! Validators from PyPI, installed into a Python environment beneath target/.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is installed. `csaf` ships the JSON schema of OASIS with those of CVSS that it refers to, and runs the mandatory tests of
/// CSAF 2.0 §6.1; `vexipy` reads OpenVEX.
const PACKAGES: [&str; 4] = [
    "cyclonedx-python-lib[json-validation]==11.*",
    "spdx-tools==0.8.*",
    "csaf==2026.10.25",
    "vexipy==0.3.0",
];

/// Exit code 0 for a valid document, 3 for one that is refused; anything else is a broken set-up.
const VALIDATOR: &str = r#"
import sys
kind, path = sys.argv[1:]

def cyclonedx():
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    return [fault] if fault else []

def spdx():
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    try:
        return validate_full_spdx_document(parse_file(path), "SPDX-2.3")
    except SPDXParsingError as error:
        return error.get_messages()

def csaf_schema():
    import csaf, json, os
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012
    folder = os.path.join(os.path.dirname(csaf.__file__), "csaf", "v20", "schema")
    registry = Registry()
    for name in sorted(os.listdir(os.path.join(folder, "referenced"))):
        if not name.endswith(".json"):
            continue
        schema = json.load(open(os.path.join(folder, "referenced", name)))
        address = schema.get("$id") or schema.get("id")
        registry = registry.with_resource(address, DRAFT202012.create_resource(schema))
    schema = json.load(open(os.path.join(folder, "csaf.json")))
    assert schema["$id"].endswith("/csaf/v2.0/csaf_json_schema.json"), schema["$id"]
    check = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{fault.json_path}: {fault.message}" for fault in check.iter_errors(json.load(open(path)))]

def csaf_tests():
    import subprocess
    run = subprocess.run([sys.executable, "-m", "csaf", "validate", "--spec-version", "v20", "--no-network", "-q", path],
        capture_output=True, text=True)
    print(run.stdout)
    if run.returncode not in (0, 1):
        sys.exit(run.stderr)
    return ["the tests of CSAF failed"] if run.returncode else []

def openvex():
    from pydantic import ValidationError
    from vexipy import Document
    try:
        Document.from_json(open(path).read())
        return []
    except ValidationError as error:
        return [error]

faults = {"cyclonedx": cyclonedx, "spdx": spdx, "csaf-schema": csaf_schema, "csaf-tests": csaf_tests, "openvex": openvex}[kind]()
for fault in faults:
    print(str(fault)[:600])
sys.exit(3 if faults else 0)
"#;

pub(crate) fn assert_accepted(kind: &str, name: &str, text: &str) {
    let output = validate(kind, name, text);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn assert_refused(kind: &str, name: &str, text: &str) {
    let output = validate(kind, name, text);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

fn validate(kind: &str, name: &str, text: &str) -> Output {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("schemas");
    let python = python_with_validators(&folder);
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file beneath target/");
    let mut command = Command::new(python);
    command.args(["-c", VALIDATOR, kind]).arg(path).output().expect("Python runs")
}

/// A Python environment with the validators, made once.
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
        let installed = pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES).status();
        assert!(
            installed.expect("pip runs").success(),
            "the validators could not be installed from the package index"
        );
        std::fs::write(ready, "").expect("a file beneath target/");
    }
    python
}
