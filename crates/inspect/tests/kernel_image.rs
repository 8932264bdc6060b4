// SPDX-License-Identifier: Apache-2.0
//! Kernels made here: IKCONFIG against the algorithm of the kernel's own script, and what a whole
//! image adds to its kernels.

// Helpers of tests may stop a test; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use kakoi_inspect::kernel::{
    Config, complete_kernels, find_backends, find_kernel, missing_options, normalise_config,
    parse_config, parse_ikconfig,
};
use kakoi_inspect::{Root, Sketch};
use kakoi_model::{ConfigSource, Digest, Fit, HardeningVerdict, KernelFacts, Observed, OfContent};

const BANNER: &str =
    "Linux version 5.10.1 (me@host) (gcc version 10.2.1) #1 SMP Mon Jan 1 00:00:00 UTC 2024";

fn config(lines: &str) -> String {
    format!(
        "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 5.10.1 Kernel Configuration\n#\nCONFIG_MMU=y\n{lines}"
    )
}

/// Bytes that look like a kernel of this banner.
fn kernel(banner: &str, extra: &[&[u8]]) -> Vec<u8> {
    let mut image = b"\x7fELF\x02\x01\x01".to_vec();
    image.resize(18, 0);
    image.extend([62, 0]);
    image.resize(4096, 0);
    for text in [banner, "\n", "\0Kernel panic - not syncing\0", "/sbin/init\0", "swapper\0"] {
        image.extend(text.as_bytes());
    }
    for part in extra {
        image.extend(*part);
    }
    image.resize(400 << 10, 0x90);
    image
}

fn ikconfig(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(b"IKCFG_ST".to_vec(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    [encoder.finish().unwrap(), b"IKCFG_ED".to_vec()].concat()
}

/// What `extract-ikconfig` does: find the mark, decompress what follows, heed no trailing bytes.
fn extract_ikconfig(image: &[u8]) -> Vec<u8> {
    let mark = b"IKCFG_ST\x1f\x8b\x08";
    let at = image.windows(mark.len()).position(|window| window == mark).unwrap() + 8;
    let mut zcat = Command::new("zcat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = zcat.stdin.take().unwrap();
    let stream = image[at..].to_vec();
    let writer = std::thread::spawn(move || drop(input.write_all(&stream)));
    let output = zcat.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

#[test]
fn the_configuration_of_a_kernel_is_byte_for_byte_that_of_extract_ikconfig() {
    let text = config(
        &(0..3000)
            .map(|n| format!("CONFIG_OPTION_{n}=y\n# CONFIG_OTHER_{n} is not set\n"))
            .collect::<String>(),
    );
    // A mark without a stream comes first: the reader itself carries the text.
    let image = kernel(BANNER, &[b"IKCFG_ST\0", &ikconfig(&text)]);
    let found = parse_ikconfig(&image).unwrap();
    assert_eq!(found, text.as_bytes());
    assert_eq!(found, extract_ikconfig(&image));
}

#[test]
fn vendor_configurations_survive_a_kernel_byte_for_byte() {
    let Some(data) = shared_data() else { return };
    let folder = std::fs::read_dir(data.join("configs/ikconfig")).unwrap();
    let mut count = 0;
    for path in folder.flatten().map(|entry| entry.path()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let image = kernel(BANNER, &[&ikconfig(&text)]);
        assert_eq!(parse_ikconfig(&image).unwrap(), text.as_bytes());
        assert_eq!(extract_ikconfig(&image), text.as_bytes());
        let facts = find_kernel(&image).unwrap();
        assert_eq!(facts.config_source, ConfigSource::Ikconfig);
        assert!(facts.options.len() > 500, "{}", path.display());
        count += 1;
    }
    assert!(count > 5);
}

#[test]
fn texts_and_modules_with_a_banner_are_no_kernels() {
    let log = format!("{BANNER}\nKernel command line: x\nKernel panic\n/sbin/init swapper\n")
        .repeat(9000);
    assert_eq!(find_kernel(log.as_bytes()), None);
    assert_eq!(find_kernel(format!("{BANNER}\n").as_bytes()), None);
    let module = kernel("Linux version v4.19.221-0-g5fd3cce374df", &[]);
    assert_eq!(find_kernel(&module), None);
    assert_eq!(find_kernel(&kernel("Linux version %s (%s) %s", &[])), None);
    assert!(find_kernel(&kernel(BANNER, &[])).is_some());
}

#[test]
fn damaged_kernels_are_read_without_a_panic() {
    let text = config("CONFIG_MODULES=y\n");
    let image = kernel(BANNER, &[&ikconfig(&text)]);
    let end = 4096 + 700;
    for cut in (0..end).step_by(7) {
        let _ = (find_kernel(&image[..cut]), parse_ikconfig(&image[..cut]));
    }
    for at in 4096..end {
        let mut damaged = image.clone();
        damaged[at] ^= 0xff;
        let _ = parse_ikconfig(&damaged);
    }
}

fn of_content(image: &[u8]) -> OfContent<KernelFacts> {
    OfContent { digest: Digest::of(image), facts: find_kernel(image).unwrap() }
}

fn completed(image: &[u8], tree: &Sketch) -> KernelFacts {
    let mut kernels = vec![of_content(image)];
    let roots: Vec<Root<'_>> = vec![tree.root()];
    complete_kernels(&mut kernels, &tree.files, &roots, &[], &[], &tree.contents);
    kernels.remove(0).facts
}

#[test]
fn a_configuration_beside_a_kernel_counts_only_when_it_is_of_that_kernel() {
    let image = kernel(BANNER, &[]);
    let good = config(
        "CONFIG_SMP=y\nCONFIG_CC_IS_GCC=y\nCONFIG_X86=y\nCONFIG_X86_64=y\nCONFIG_64BIT=y\nCONFIG_SECCOMP_FILTER=y\n",
    );
    let facts = completed(&image, &Sketch::new().file("/boot/config-5.10.1", 0o644, &good));
    assert_eq!(facts.config_source, ConfigSource::ConfigFile);
    let verdict = |name: &str| {
        facts
            .hardening
            .iter()
            .find(|one| one.option == name)
            .map(|one| one.verdict.clone())
            .unwrap()
    };
    assert_eq!(verdict("SECCOMP_FILTER"), HardeningVerdict::Met);
    assert_eq!(verdict("VMAP_STACK"), HardeningVerdict::NotMet { found: "n".into() });
    // The kernel itself says SMP; a configuration of another board does not.
    let other = good.replace("CONFIG_SMP=y", "# CONFIG_SMP is not set");
    let facts = completed(&image, &Sketch::new().file("/boot/config-5.10.1", 0o644, &other));
    assert_eq!(facts.config_source, ConfigSource::Inferred);
    let old = good.replace("5.10.1", "4.4.1");
    let facts = completed(&image, &Sketch::new().file("/src/.config", 0o644, &old));
    assert_eq!(facts.config_source, ConfigSource::Inferred);
}

#[test]
fn a_policy_in_the_image_is_told_from_one_that_is_loaded() {
    let image = kernel(
        BANNER,
        &[&ikconfig(&config("CONFIG_SECURITY_SELINUX=y\nCONFIG_LSM=\"selinux\"\n"))],
    );
    let state = |tree: &Sketch| {
        let facts = completed(&image, tree);
        facts.lsm.into_iter().find(|state| state.name == "selinux").unwrap()
    };
    let bare = state(&Sketch::new().file("/bin/sh", 0o755, "ELF"));
    assert!(bare.compiled.is_present() && bare.enabled.is_present());
    assert!(bare.policy_present.is_absent() && bare.policy_loaded.is_absent());
    let policy = Sketch::new().file("/etc/selinux/default/policy/policy.31", 0o644, "p");
    let shipped = state(&policy);
    assert!(shipped.policy_present.is_present());
    assert!(matches!(shipped.policy_loaded, Observed::Undetermined(_)));
    let off = state(&policy.file("/etc/selinux/config", 0o644, "SELINUX=disabled\n"));
    assert!(off.policy_loaded.is_absent());
}

#[test]
fn backends_fit_by_version_architecture_and_configuration() {
    let full = "CONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_BPF_LSM=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_LSM=\"yama,bpf\"\nCONFIG_MODULES=y\nCONFIG_SECCOMP_FILTER=y\nCONFIG_MODULE_SIG=y\n";
    let fits = |lines: &str| {
        let image = kernel(BANNER, &[&ikconfig(&config(lines))]);
        let all = find_backends(&[of_content(&image)], &[]);
        all.into_iter().map(|one| (one.backend, one.fit)).collect::<Vec<_>>()
    };
    let expect = |bpf, module, seccomp| {
        vec![
            ("bpf-lsm".to_owned(), bpf),
            ("kernel-module".to_owned(), module),
            ("seccomp".to_owned(), seccomp),
        ]
    };
    // The magic of modules is not known without one.
    assert_eq!(fits(full), expect(Fit::Possible, Fit::Undetermined, Fit::Possible));
    let forced = format!("{full}CONFIG_MODULE_SIG_FORCE=y\n");
    assert_eq!(fits(&forced), expect(Fit::Possible, Fit::NotPossible, Fit::Possible));
    let no_order = full.replace("yama,bpf", "yama");
    assert_eq!(fits(&no_order), expect(Fit::NotPossible, Fit::Undetermined, Fit::Possible));
    assert_eq!(
        fits("CONFIG_NET=y\n"),
        expect(Fit::NotPossible, Fit::NotPossible, Fit::NotPossible)
    );
    assert!(find_backends(&[], &[]).iter().all(|one| one.fit == Fit::Undetermined));
}

/// The project's collection of real inputs: beside the repository, or where KAKOI_DATA says.
fn shared_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("KAKOI_DATA").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The machine of a configuration, in the words of `ElfFacts`.
fn machine(config: &Config) -> Option<&'static str> {
    let machines = [
        ("ARM", "arm"),
        ("ARM64", "aarch64"),
        ("MIPS", "mips"),
        ("X86_64", "x86-64"),
        ("X86_32", "i386"),
        ("PPC32", "powerpc"),
        ("RISCV", "riscv"),
    ];
    machines
        .into_iter()
        .find(|(name, _)| config.values.contains_key(*name))
        .map(|(_, machine)| machine)
}

#[test]
fn no_option_of_a_vendor_configuration_is_called_missing() {
    let mut folders: Vec<PathBuf> =
        shared_data().map(|data| data.join("configs")).into_iter().collect();
    let expected = if folders.is_empty() { 0 } else { 80 };
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            let Some(config) = parse_config(&text) else { continue };
            let (Some(version), Some(machine)) = (config.version, machine(&config)) else {
                continue;
            };
            let names = normalise_config(&config, version, ConfigSource::ConfigFile);
            for option in missing_options(machine, version) {
                assert!(!names.contains_key(&option), "{}: {option}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= expected, "{count} configurations were read");
}
