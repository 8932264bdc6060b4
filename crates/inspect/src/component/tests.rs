// SPDX-License-Identifier: Apache-2.0

use kakoi_model::{ComponentSource, Observed};

use super::*;
use crate::Sketch;

/// The components of a sketched tree; each file that begins like ELF counts as one.
fn components(tree: &Sketch) -> Vec<Component> {
    let mut elves = HashMap::new();
    let mut found = HashMap::new();
    for (digest, content) in &tree.contents {
        if content.starts_with(b"\x7fELF") {
            elves.insert(*digest, elf());
            found.insert(*digest, find_marks(content));
        }
    }
    find_components(&tree.files, &[tree.root()], &elves, &found, &[], &tree.contents)
}

/// Facts of an ELF file that tells nothing.
fn elf() -> ElfFacts {
    let unknown = serde_json::json!({"observed": {"is": "absent"}});
    let absent = serde_json::json!({"is": "absent"});
    serde_json::from_value(serde_json::json!({
        "bits": 32, "endian": "big", "machine": "mips", "role": "executable", "linkage": absent,
        "libc": unknown, "compiler": absent, "symbols": absent,
        "hardening": {
            "nx": unknown, "pie": unknown, "relro": unknown, "stack_protector": unknown,
            "fortify": unknown, "stack_clash": unknown, "control_flow": unknown,
            "search_path": absent, "text_relocations": absent, "writable_executable": absent,
        },
    }))
    .unwrap()
}

fn version(component: &Component) -> Option<&str> {
    component.version.present().map(String::as_str)
}

#[test]
fn one_component_has_all_its_files_whatever_they_tell() {
    let tree = Sketch::new()
        .file("/lib/libcrypto.so.1.0.0", 0o755, b"\x7fELF OpenSSL 1.0.2k  26 Jan 2017\0")
        .file("/lib/libssl.so.1.0.0", 0o755, b"\x7fELF nothing")
        .file("/bin/busybox", 0o755, b"\x7fELF\0BusyBox v1.19.4 (2013)\0")
        .link("/bin/wget", "busybox");
    let found = components(&tree);
    let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), version(one))).collect();
    assert_eq!(names, [("busybox", Some("1.19.4")), ("openssl", Some("1.0.2k"))]);
    assert_eq!(found[1].files.len(), 2);
    assert_eq!(found[1].digests.len(), 2);
    assert_eq!(found[1].purl.as_deref(), Some("pkg:generic/openssl@1.0.2k"));
    let cpe = "cpe:2.3:a:openssl:openssl:1.0.2k:*:*:*:*:*:*:*";
    assert_eq!(found[1].cpe.as_deref(), Some(cpe));
    assert_eq!(found[0].evidence[0].excerpt.as_deref(), Some("BusyBox v1.19.4 (2013)"));
}

#[test]
fn the_package_database_decides_and_the_string_is_kept_as_evidence() {
    let status = "Package: dnsmasq\nVersion: 2.80-16.1\nStatus: install user installed\n\
                  Architecture: mips_24kc\nDepends: libc\n";
    let tree = Sketch::new()
        .file("/etc/openwrt_release", 0o644, "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='19.07.2'\n")
        .file("/usr/lib/opkg/status", 0o644, status)
        .file("/usr/lib/opkg/info/dnsmasq.list", 0o644, "/usr/sbin/dnsmasq\n")
        .file("/usr/sbin/dnsmasq", 0o755, b"\x7fELF\0dnsmasq-2.80\0");
    let found = components(&tree);
    assert_eq!(found.len(), 2);
    let dnsmasq = &found[0];
    assert_eq!(version(dnsmasq), Some("2.80-16.1"));
    assert_eq!(dnsmasq.source, ComponentSource::PackageDatabase);
    assert_eq!(dnsmasq.evidence.len(), 2);
    let purl = "pkg:opkg/openwrt/dnsmasq@2.80-16.1?arch=mips_24kc&distro=openwrt-19.07.2";
    assert_eq!(dnsmasq.purl.as_deref(), Some(purl));
    let cpe = "cpe:2.3:a:thekelleys:dnsmasq:2.80:*:*:*:*:*:*:*";
    assert_eq!(dnsmasq.cpe.as_deref(), Some(cpe));
    assert_eq!(dnsmasq.depends, ["libc"]);
    assert_eq!((found[1].name.as_str(), version(&found[1])), ("openwrt", Some("19.07.2")));
}

#[test]
fn a_copy_of_another_version_is_a_component_of_its_own() {
    let status = "Package: zlib\nVersion: 1.2.11-1\nStatus: install ok installed\n";
    let tree = Sketch::new().file("/usr/lib/opkg/status", 0o644, status).file(
        "/usr/bin/tool",
        0o755,
        b"\x7fELF inflate 1.2.3 Copyright 1995-2005 Mark Adler \0",
    );
    let found = components(&tree);
    let names: Vec<_> = found.iter().map(|one| (one.name.as_str(), version(one))).collect();
    assert_eq!(names, [("zlib", Some("1.2.11-1")), ("zlib", Some("1.2.3"))]);
}

#[test]
fn users_of_a_library_are_not_the_library() {
    let tree = Sketch::new().file(
        "/usr/sbin/httpd",
        0o755,
        b"\x7fELF OpenSSL 1.0.2k  26 Jan 2017\0sqlite3_prepare_v2\0",
    );
    let digest = tree.files[0].digest().unwrap();
    let mut facts = elf();
    facts.needed = vec!["libcrypto.so.1.0.0".to_owned()];
    facts.imports = vec!["sqlite3_prepare_v2".to_owned()];
    let marks = HashMap::from([(digest, find_marks(&tree.contents[&digest]))]);
    let elves = HashMap::from([(digest, facts)]);
    assert_eq!(marks[&digest].len(), 2);
    let found = find_components(&tree.files, &[tree.root()], &elves, &marks, &[], &tree.contents);
    assert_eq!(found, []);
}

#[test]
fn contradicting_versions_and_names_without_version_are_undetermined() {
    let tree = Sketch::new()
        .file("/bin/busybox", 0o755, b"\x7fELF\0BusyBox v1.19.4 (a)\0BusyBox v1.20.0 (b)\0")
        .file("/usr/sbin/boa", 0o755, b"\x7fELF");
    let found = components(&tree);
    let Observed::Undetermined(reason) = &found[1].version else { panic!("{:?}", found[1]) };
    assert_eq!(
        (reason.code.as_ref(), reason.detail.as_str()),
        ("several-versions", "1.19.4, 1.20.0")
    );
    let Observed::Undetermined(reason) = &found[0].version else { panic!("{:?}", found[0]) };
    assert_eq!(reason.code, "no-version");
    assert_eq!(found[0].source, ComponentSource::FileName);
}
