// SPDX-License-Identifier: Apache-2.0
//! A kernel that somebody else built with `CONFIG_IKCONFIG`: Debian's user-mode Linux, whose
//! configuration is in a module. Fetches 41 MB once, with the machine's own package sources.

// Helpers of tests may stop a test; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod debian;

use std::process::Command;
use std::sync::LazyLock;

use debian::fetch_user_mode_linux;
use kakoi_inspect::elf::parse_elf;
use kakoi_inspect::kernel::{
    complete_kernels, find_kernel, normalise_config, parse_config, parse_ikconfig,
};
use kakoi_inspect::{Root, Sketch};
use kakoi_model::{ConfigSource, Digest, KernelFacts, OfContent};

/// `linux.uml` and `configs.ko`.
static FILES: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(fetch_user_mode_linux);

/// What the kernel's scripts/extract-ikconfig does, with the tools that it uses: the bytes behind
/// the first mark that a gzip stream follows, through zcat.
fn extract_ikconfig(content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("module");
    std::fs::write(&file, content).unwrap();
    let script = r#"mark=$(printf 'IKCFG_ST\\037\\213\\010')
        at=$(LC_ALL=C grep --text --byte-offset --only-matching --perl-regexp "$mark" "$1" | head -n 1 | cut -d: -f1 --only-delimited)
        tail --bytes=+$((at + 9)) "$1" | zcat 2> /dev/null || true"#;
    let ran = Command::new("bash").args(["-c", script, "extract"]).arg(&file).output().unwrap();
    ran.stdout
}

fn completed(kernel: &[u8], tree: &Sketch) -> KernelFacts {
    let facts = find_kernel(kernel).expect("linux.uml is a kernel");
    let mut kernels = vec![OfContent { digest: Digest::of(kernel), facts }];
    let roots: Vec<Root<'_>> = vec![tree.root()];
    complete_kernels(&mut kernels, &tree.files, &roots, &[], &[], &tree.contents);
    kernels.remove(0).facts
}

#[test]
fn the_configuration_of_a_real_kernel_is_byte_for_byte_that_of_extract_ikconfig() {
    let (_, module) = &*FILES;
    let found = parse_ikconfig(module).expect("configs.ko carries the configuration");
    assert!(found.len() > 50_000 && found.starts_with(b"#\n# Automatically generated file"));
    assert_eq!(found, extract_ikconfig(module));
}

#[test]
fn a_configuration_in_a_module_counts_for_the_kernel_that_the_module_is_for() {
    let (kernel, module) = &*FILES;
    let release = find_kernel(kernel).unwrap().release;
    let path = format!("/lib/modules/{release}/kernel/kernel/configs.ko");
    let facts = completed(kernel, &Sketch::new().file(&path, 0o644, module));
    assert_eq!(facts.config_source, ConfigSource::Ikconfig);
    let text = String::from_utf8(parse_ikconfig(module).unwrap()).unwrap();
    let config = parse_config(&text).unwrap();
    let wanted = normalise_config(&config, facts.version, ConfigSource::Ikconfig);
    assert_eq!(facts.options, wanted);
    // Of another release it says nothing.
    let magic = parse_elf(module).unwrap().module.unwrap().vermagic.unwrap();
    let (own, other) = (magic.as_bytes(), magic.replace("6.1", "6.2").into_bytes());
    let at = memchr::memmem::find(module, own).unwrap();
    let mut foreign = module.clone();
    foreign[at..at + other.len()].copy_from_slice(&other);
    let facts = completed(kernel, &Sketch::new().file(&path, 0o644, &foreign));
    assert_eq!(facts.config_source, ConfigSource::Inferred);
}

#[test]
fn what_is_inferred_from_user_mode_linux_is_what_its_configuration_says() {
    let (kernel, module) = &*FILES;
    let facts = find_kernel(kernel).unwrap();
    let text = String::from_utf8(parse_ikconfig(module).unwrap()).unwrap();
    let config = parse_config(&text).unwrap();
    let truth = normalise_config(&config, facts.version, ConfigSource::Ikconfig);
    let mut wrong = Vec::new();
    for (name, said) in &facts.options {
        let real = truth.get(name).is_some_and(|option| option.value.is_present());
        if real != said.value.is_present() {
            wrong.push(format!("{name}: {:?} by {:?}", said.value, said.witness));
        }
    }
    println!("{} options inferred, wrong: {wrong:?}", facts.options.len());
    assert!(wrong.len() * 20 <= facts.options.len(), "{wrong:?}");
}
