// SPDX-License-Identifier: Apache-2.0
//! 200 programs and libraries of this machine, judged by kakoi and by Debian's checksec 2.6.0.
//! Every disagreement is one of those in the table below, which docs/HARDENING.md explains.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A test may stop and say why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kakoi_inspect::elf::parse_elf;
use kakoi_model::{Absence, ElfFacts, Linkage, Mitigation, Observed, Relro, Symbols};
use serde_json::Value;

const FILES: usize = 200;

/// A way in which the two may differ, and why kakoi is right or says less.
struct Reason {
    /// The key of checksec's JSON.
    key: &'static str,
    /// What checksec says in this case.
    says: &'static str,
    /// When the reason holds.
    holds: fn(&ElfFacts) -> bool,
    /// The heading in docs/HARDENING.md.
    heading: &'static str,
}

const REASONS: &[Reason] = &[
    Reason {
        key: "relro",
        says: "partial",
        holds: |facts| facts.hardening.relro.evidence.iter().any(|seen| seen.what == "DF_1_NOW"),
        heading: "Immediate binding by DF_1_NOW alone",
    },
    Reason {
        key: "canary",
        says: "yes",
        holds: |facts| is_static(facts) || undetermined(&facts.hardening.stack_protector),
        heading: "A name in the symbol table is not a protected program",
    },
    Reason { key: "canary", says: "no", holds: is_static, heading: "Static programs" },
    Reason { key: "fortify_source", says: "no", holds: is_static, heading: "Static programs" },
    Reason {
        key: "canary",
        says: "no",
        holds: |facts| {
            let protector = &facts.hardening.stack_protector;
            undetermined(protector)
                || protector.evidence.iter().any(|seen| seen.what.starts_with("canary compared"))
        },
        heading: "A canary without a name",
    },
    Reason {
        key: "nx",
        says: "no",
        holds: |facts| undetermined(&facts.hardening.nx),
        heading: "No PT_GNU_STACK on a 64-bit architecture",
    },
    Reason {
        key: "nx",
        says: "yes",
        holds: |facts| facts.hardening.nx.absence == Some(Absence::NotEnforced),
        heading: "A request that the kernel does not enforce",
    },
    Reason {
        key: "pie",
        says: "dso",
        holds: |facts| facts.interpreter.is_some() || undetermined(&facts.hardening.pie),
        heading: "A program without DT_DEBUG",
    },
    Reason {
        key: "pie",
        says: "yes",
        holds: |facts| facts.soname.is_some(),
        heading: "A library with DT_DEBUG",
    },
    Reason {
        key: "fortify_source",
        says: "yes",
        holds: |facts| !facts.imports.iter().any(|name| name.ends_with("_chk")),
        heading: "Checked functions that a file defines",
    },
];

fn is_static(facts: &ElfFacts) -> bool {
    matches!(facts.linkage, Observed::Present(Linkage::Static | Linkage::StaticPie))
}

fn undetermined<T>(mitigation: &Mitigation<T>) -> bool {
    matches!(mitigation.observed, Observed::Undetermined(_))
}

/// What kakoi found, in the words of checksec.
fn in_words_of_checksec(facts: &ElfFacts) -> BTreeMap<&'static str, String> {
    let hardening = &facts.hardening;
    let relro = match hardening.relro.observed {
        Observed::Present(Relro::Full) => "full",
        Observed::Present(Relro::Partial) => "partial",
        Observed::Absent => "no",
        Observed::Undetermined(_) => "undetermined",
    };
    let pie = match hardening.pie.absence {
        Some(Absence::NotApplicable) => "dso".to_owned(),
        _ => yes_or_no(&hardening.pie.observed),
    };
    let symbols = match facts.symbols {
        Observed::Present(Symbols::Debug | Symbols::Table) => "yes",
        Observed::Present(_) => "no",
        _ => "undetermined",
    };
    BTreeMap::from([
        ("relro", relro.to_owned()),
        ("canary", yes_or_no(&hardening.stack_protector.observed)),
        ("nx", yes_or_no(&hardening.nx.observed)),
        ("pie", pie),
        ("symbols", symbols.to_owned()),
        ("fortify_source", yes_or_no(&hardening.fortify.observed)),
    ])
}

fn yes_or_no<T>(observed: &Observed<T>) -> String {
    let word = match observed {
        Observed::Present(_) => "yes",
        Observed::Absent => "no",
        Observed::Undetermined(_) => "undetermined",
    };
    word.to_owned()
}

/// Every n-th ELF file, so that all directories and kinds are there.
fn choose() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories: Vec<PathBuf> =
        ["/usr/bin", "/usr/sbin", "/usr/lib"].iter().map(PathBuf::from).collect();
    while let Some(directory) = directories.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() && is_linked_elf(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    assert!(found.len() >= FILES, "this machine has only {} ELF files", found.len());
    let step = found.len() / FILES;
    found.into_iter().step_by(step).take(FILES).collect()
}

/// Programs and libraries of moderate size; checksec is slow on large ones.
fn is_linked_elf(path: &Path) -> bool {
    use std::io::Read;
    let small = path.metadata().is_ok_and(|meta| meta.len() < 4 << 20);
    let mut head = [0; 18];
    let read = || std::fs::File::open(path)?.read_exact(&mut head);
    let debug = path.extension().is_some_and(|extension| extension == "debug");
    small
        && !debug
        && { read }().is_ok()
        && head.starts_with(b"\x7fELF")
        && matches!(head[16], 2 | 3)
}

fn run_checksec(path: &Path) -> Value {
    let ran = Command::new("checksec")
        .args(["--format=json", &format!("--file={}", path.display())])
        .output()
        .unwrap_or_else(|error| {
            panic!("checksec: {error}; `make test` installs it (Debian package checksec)")
        });
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    all.as_object().unwrap().values().next().unwrap().clone()
}

/// Disagreements without a reason, and the headings of those with one.
fn compare(path: &Path) -> (Vec<String>, Vec<&'static str>) {
    let facts = parse_elf(&std::fs::read(path).unwrap()).unwrap();
    let theirs = run_checksec(path);
    let (mut wrongs, mut explained) = (Vec::new(), Vec::new());
    for (key, ours) in in_words_of_checksec(&facts) {
        let theirs = theirs[key].as_str().unwrap_or_default();
        if ours == theirs {
            continue;
        }
        let reason = REASONS
            .iter()
            .find(|reason| reason.key == key && reason.says == theirs && (reason.holds)(&facts));
        match reason {
            Some(reason) => {
                println!(
                    "{}: {key}: {ours}, checksec {theirs}: {}",
                    path.display(),
                    reason.heading
                );
                explained.push(reason.heading);
            }
            None => wrongs.push(format!("{}: {key}: {ours}, checksec {theirs}", path.display())),
        }
    }
    (wrongs, explained)
}

#[test]
fn verdicts_agree_with_checksec_or_the_difference_is_explained() {
    let files = choose();
    let next = AtomicUsize::new(0);
    let results = Mutex::new((Vec::new(), BTreeMap::<_, usize>::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |count| count.get().min(8)) {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (wrongs, explained) = compare(path);
                    let mut results = results.lock().unwrap();
                    results.0.extend(wrongs);
                    explained.into_iter().for_each(|why| *results.1.entry(why).or_default() += 1);
                }
            });
        }
    });
    let (mut wrongs, explained) = results.into_inner().unwrap();
    wrongs.sort();
    println!("explained: {explained:?}");
    assert!(wrongs.is_empty(), "{} unexplained:\n{}", wrongs.len(), wrongs.join("\n"));
}

#[test]
fn every_reason_has_its_heading_in_the_documentation() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/HARDENING.md");
    let text = std::fs::read_to_string(guide).unwrap();
    for reason in REASONS {
        assert!(text.contains(reason.heading), "{} is not explained", reason.heading);
    }
}
