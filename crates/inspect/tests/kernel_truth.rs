// SPDX-License-Identifier: Apache-2.0
//! What is inferred from real Debian kernels, against the configurations that they were built with.
//!
//! Fetches about 113 MB of packages once, with the machine's own package sources and `apt-get
//! download`, into the target directory. A machine that cannot do that fails this test.

// Helpers of tests may stop a test; clippy knows only the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod debian;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use debian::{DebianKernel, fetch_kernels};
use kakoi_inspect::kernel::{find_kernel, normalise_config, parse_config, parse_kallsyms};
use kakoi_model::{ConfigSource, HardeningVerdict, KernelFacts, KernelOption, Observed};

static KERNELS: LazyLock<Vec<DebianKernel>> = LazyLock::new(fetch_kernels);

fn truth(kernel: &DebianKernel, facts: &KernelFacts) -> BTreeMap<String, KernelOption> {
    let config = parse_config(&kernel.config).expect("Debian's configuration is one");
    normalise_config(&config, facts.version, ConfigSource::ConfigFile)
}

/// Right and wrong statements about options; wrong ones are printed.
fn compare(facts: &KernelFacts, truth: &BTreeMap<String, KernelOption>) -> (usize, usize) {
    let (mut right, mut wrong) = (0, 0);
    for (name, said) in &facts.options {
        let real = truth.get(name).map_or(&Observed::Absent, |option| &option.value);
        if &said.value == real {
            right += 1;
        } else {
            wrong += 1;
            println!(
                "{}: {name} is {real:?}, said {:?} by {:?}",
                facts.release, said.value, said.witness
            );
        }
    }
    (right, wrong)
}

fn check(facts: &KernelFacts, truth: &BTreeMap<String, KernelOption>, least: usize) {
    let (right, wrong) = compare(facts, truth);
    let precision = right as f64 / (right + wrong) as f64;
    let determined = facts
        .hardening
        .iter()
        .filter(|one| !matches!(one.verdict, HardeningVerdict::Undetermined { .. }))
        .count();
    let set = truth.values().filter(|option| option.value.is_present()).count();
    println!(
        "{}: {} symbols, {} options inferred, precision {precision:.3}, recall {:.3} of {set} set; \
         {determined} of {} hardening options determined",
        facts.release,
        facts.kallsyms.unwrap_or(0),
        right + wrong,
        right as f64 / set as f64,
        facts.hardening.len(),
    );
    assert!(precision >= 0.95, "{}: precision {precision}", facts.release);
    assert!(right >= least, "{}: only {right} options", facts.release);
    for option in facts.options.values() {
        assert!(option.witness.is_some() && option.source == ConfigSource::Inferred);
    }
}

#[test]
fn options_inferred_from_debian_kernels_are_those_of_their_configurations() {
    for kernel in KERNELS.iter() {
        let facts = find_kernel(&kernel.image).expect("a kernel");
        assert_eq!(facts.release, kernel.release);
        assert_eq!(facts.machine.present().map(String::as_str), Some(kernel.machine));
        check(&facts, &truth(kernel, &facts), 115);
    }
}

#[test]
fn options_inferred_without_a_symbol_table_are_right_too() {
    let digits: Vec<u8> = (b'0'..=b'9').flat_map(|digit| [digit, 0]).collect();
    for kernel in KERNELS.iter() {
        let mut image = kernel.image.clone();
        let tables: Vec<usize> = memchr::memmem::find_iter(&image, &digits).collect();
        for at in tables {
            image[at] = b'x';
        }
        let facts = find_kernel(&image).expect("a kernel");
        assert_eq!(facts.kallsyms, None);
        check(&facts, &truth(kernel, &facts), 35);
    }
}

#[test]
fn symbol_tables_of_debian_kernels_are_read_whole_with_ascending_addresses() {
    for kernel in KERNELS.iter() {
        let symbols = parse_kallsyms(&kernel.image).expect("a symbol table");
        assert!(symbols.len() > 30_000, "{}: {}", kernel.release, symbols.len());
        let probes = kernel.config.contains("CONFIG_KPROBES=y").then_some("register_kprobe");
        for name in ["start_kernel", "_stext"].into_iter().chain(probes) {
            assert!(symbols.iter().any(|symbol| symbol.name == name), "{}: {name}", kernel.release);
        }
        let addresses: Vec<u64> = symbols.iter().map(|symbol| symbol.address.unwrap()).collect();
        let falls = addresses.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert_eq!(falls, 0, "{}", kernel.release);
        let size = addresses.last().unwrap() - addresses.iter().find(|a| **a > 1 << 20).unwrap();
        assert!(size < 64 << 20, "{}: {size:#x}", kernel.release);
    }
}

#[test]
fn no_option_of_a_real_configuration_is_called_missing() {
    for kernel in KERNELS.iter() {
        let facts = find_kernel(&kernel.image).expect("a kernel");
        let truth = truth(kernel, &facts);
        for one in &facts.hardening {
            let missing = matches!(
                one.verdict,
                HardeningVerdict::NotInVersion { .. } | HardeningVerdict::NotOnArchitecture
            );
            assert!(
                !(missing && truth.contains_key(&one.option)),
                "{}: {} is {:?}",
                kernel.release,
                one.option,
                one.verdict
            );
        }
    }
}
