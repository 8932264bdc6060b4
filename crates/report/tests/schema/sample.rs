// SPDX-License-Identifier: Apache-2.0
//! What the documents are rendered from.

use kakoi_model::{
    ByVersion, Component, ComponentKind, ComponentSource, ContainerId, Digest, ElfFacts, Evidence,
    Exposure, ExposureVerdict, Fact, Facts, FileRef, Image, ImagePath, Observed, OfContent, Party,
};

/// One exposure of each verdict.
pub(crate) fn exposures() -> Vec<Exposure> {
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

/// Three components that need each optional part of both formats.
pub(crate) fn sample() -> Facts {
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
