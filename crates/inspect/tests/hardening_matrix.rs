// SPDX-License-Identifier: Apache-2.0
//! Every mitigation switched on and off, on five architectures and two C libraries, dynamic and
//! static, whole, stripped, and damaged: dynamic files are judged right, and no file wrongly.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A test that cannot go on should stop.

mod toolchain;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kakoi_inspect::elf::parse_elf;
use kakoi_model::{
    Absence, Coverage, ElfFacts, ElfRole, Hardening, Linkage, Mitigation, Observed, Relro,
};
use toolchain::{FUNCTIONS, PROTECTED, TOOLCHAINS, Toolchain};

/// Which mitigations are asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    name: &'static str,
    nx: bool,
    pie: bool,
    relro: Option<Relro>,
    protector: Option<&'static str>,
    fortify: bool,
    clash: bool,
    flow: bool,
}

const ALL: Asked = Asked {
    name: "all",
    nx: true,
    pie: true,
    relro: Some(Relro::Full),
    protector: Some("-fstack-protector-strong"),
    fortify: true,
    clash: true,
    flow: true,
};
const NONE: Asked = Asked {
    name: "none",
    nx: false,
    pie: false,
    relro: None,
    protector: None,
    fortify: false,
    clash: false,
    flow: false,
};

/// Functions of start files, some of which have unwind entries or are called.
const START_FUNCTIONS: u32 = 8;

/// Each flag off among all others on, and the flags with degrees also in their other degree.
const DYNAMIC: [Asked; 11] = [
    ALL,
    NONE,
    Asked { name: "no-nx", nx: false, ..ALL },
    Asked { name: "no-pie", pie: false, ..ALL },
    Asked { name: "no-relro", relro: None, ..ALL },
    Asked { name: "partial-relro", relro: Some(Relro::Partial), ..ALL },
    Asked { name: "no-protector", protector: None, ..ALL },
    Asked { name: "protector-all", protector: Some("-fstack-protector-all"), ..NONE },
    Asked { name: "no-fortify", fortify: false, ..ALL },
    Asked { name: "no-clash", clash: false, ..ALL },
    Asked { name: "no-flow", flow: false, ..ALL },
];

const STATIC: [Asked; 4] = [
    Asked { name: "static-all", pie: false, ..ALL },
    Asked { name: "static-none", ..NONE },
    Asked { name: "static-protector", protector: ALL.protector, ..NONE },
    Asked { name: "static-fortify", fortify: true, ..NONE },
];

/// One file of the matrix.
struct Cell {
    toolchain: Toolchain,
    asked: Asked,
    is_static: bool,
}

fn flags(cell: &Cell) -> Vec<&'static str> {
    let asked = &cell.asked;
    let pick = |on, with, without| if on { with } else { without };
    let mut flags = vec![
        pick(asked.nx, "-Wl,-z,noexecstack", "-Wl,-z,execstack"),
        asked.protector.unwrap_or("-fno-stack-protector"),
        pick(asked.fortify, "-D_FORTIFY_SOURCE=2", "-U_FORTIFY_SOURCE"),
        pick(asked.clash, "-fstack-clash-protection", "-fno-stack-clash-protection"),
    ];
    flags.extend(match asked.relro {
        None => ["-Wl,-z,norelro", "-Wl,-z,lazy"],
        Some(Relro::Partial) => ["-Wl,-z,relro", "-Wl,-z,lazy"],
        Some(Relro::Full) => ["-Wl,-z,relro", "-Wl,-z,now"],
    });
    match (cell.is_static, asked.pie) {
        (true, _) => flags.extend(["-static", "-no-pie"]),
        (false, true) => flags.extend(["-fPIE", "-pie"]),
        (false, false) => flags.extend(["-no-pie"]),
    }
    match (cell.toolchain.machine, asked.flow) {
        ("x86-64", true) => flags.extend(["-fcf-protection=full", "-Wl,-z,ibt", "-Wl,-z,shstk"]),
        ("aarch64", true) => flags.extend(["-mbranch-protection=standard", "-Wl,-z,force-bti"]),
        _ => {}
    }
    flags
}

/// Wrong verdicts, in words.
#[derive(Default)]
struct Wrongs(Vec<String>);

impl Wrongs {
    fn expect<T: Debug + PartialEq>(&mut self, what: &str, seen: &T, wanted: &T) {
        if seen != wanted {
            self.0.push(format!("{what}: {seen:?}, not {wanted:?}"));
        }
    }

    fn expect_absent<T: Debug>(&mut self, what: &str, seen: &Mitigation<T>, reason: Absence) {
        if !seen.observed.is_absent() || seen.absence != Some(reason) {
            self.0.push(format!("{what}: {seen:?}, not absent: {reason:?}"));
        }
    }

    fn expect_present<T: Debug>(&mut self, what: &str, seen: &Mitigation<T>) {
        if !seen.observed.is_present() || seen.evidence.is_empty() {
            self.0.push(format!("{what}: {seen:?}, not present with evidence"));
        }
    }

    /// Undetermined is allowed, the opposite is not.
    fn allow<T: Debug>(&mut self, what: &str, seen: &Mitigation<T>, asked: bool) {
        if (asked && seen.observed.is_absent()) || (!asked && seen.observed.is_present()) {
            self.0.push(format!("{what}: {seen:?}, asked: {asked}"));
        }
    }
}

/// The mitigations that program headers tell, alike in dynamic and static files.
fn check_headers(cell: &Cell, seen: &Hardening, wrongs: &mut Wrongs) {
    match (cell.asked.nx, cell.toolchain.machine) {
        (true, "mips") => wrongs.expect_absent("nx", &seen.nx, Absence::NotEnforced),
        (true, _) => wrongs.expect_present("nx", &seen.nx),
        (false, _) => wrongs.expect_absent("nx", &seen.nx, Absence::NotRequested),
    }
    match cell.asked.pie && !cell.is_static {
        true => wrongs.expect_present("pie", &seen.pie),
        false => wrongs.expect_absent("pie", &seen.pie, Absence::NotRequested),
    }
    match cell.asked.relro {
        None => wrongs.expect_absent("relro", &seen.relro, Absence::NotRequested),
        // A static file has no entry that says how it is bound.
        Some(_) if cell.is_static => wrongs.expect_present("relro", &seen.relro),
        Some(degree) => wrongs.expect("relro", &seen.relro.observed, &Observed::Present(degree)),
    }
    wrongs.expect("search path", &seen.search_path, &Observed::Absent);
    wrongs.expect("text relocations", &seen.text_relocations, &Observed::Absent);
    wrongs.expect("writable code", &seen.writable_executable, &Observed::Absent);
}

fn check_dynamic(cell: &Cell, seen: &Hardening, wrongs: &mut Wrongs) {
    let coverage = seen.stack_protector.observed.present();
    match cell.asked.protector {
        None => {
            wrongs.expect_absent("protector", &seen.stack_protector, Absence::NotRequested);
        }
        Some(degree) => {
            let protected = if degree.ends_with("all") { FUNCTIONS - 1 } else { PROTECTED };
            wrongs.expect("protected", &coverage.and_then(|c| c.protected), &Some(protected));
            let of = coverage.and_then(|coverage| coverage.of);
            wrongs.expect("functions counted", &of.is_some(), &true);
            if of.is_some_and(|of| !(FUNCTIONS..=FUNCTIONS + START_FUNCTIONS).contains(&of)) {
                wrongs.0.push(format!("protector: {of:?} functions"));
            }
        }
    }
    match (cell.toolchain.libc, cell.asked.fortify) {
        ("musl", _) => {
            wrongs.expect_absent("fortify", &seen.fortify, Absence::ToolchainCannot);
        }
        (_, true) => {
            let share = Coverage { protected: Some(3), of: Some(4) };
            wrongs.expect("fortify", &seen.fortify.observed, &Observed::Present(share));
        }
        (_, false) => wrongs.expect_absent("fortify", &seen.fortify, Absence::NotRequested),
    }
    match (cell.toolchain.machine, cell.asked.clash) {
        ("x86-64" | "aarch64", true) => wrongs.expect_present("clash", &seen.stack_clash),
        ("x86-64" | "aarch64", false) => {
            wrongs.expect_absent("clash", &seen.stack_clash, Absence::NotRequested);
        }
        _ => wrongs.allow("clash", &seen.stack_clash, cell.asked.clash),
    }
    check_flow(cell, seen, wrongs);
}

fn check_flow(cell: &Cell, seen: &Hardening, wrongs: &mut Wrongs) {
    let both = |one: &str, two: &str| Observed::Present(vec![one.to_owned(), two.to_owned()]);
    match (cell.toolchain.machine, cell.asked.flow) {
        ("x86-64", true) => {
            wrongs.expect("flow", &seen.control_flow.observed, &both("ibt", "shstk"));
        }
        ("aarch64", true) => {
            wrongs.expect("flow", &seen.control_flow.observed, &both("bti", "pac"));
        }
        ("x86-64" | "aarch64", false) => {
            wrongs.expect_absent("flow", &seen.control_flow, Absence::NotRequested);
        }
        _ => wrongs.expect_absent("flow", &seen.control_flow, Absence::ArchitectureCannot),
    }
}

fn check_static(cell: &Cell, seen: &Hardening, has_symbols: bool, wrongs: &mut Wrongs) {
    let protector = cell.asked.protector.is_some();
    wrongs.allow("protector", &seen.stack_protector, protector);
    if protector && has_symbols {
        wrongs.expect_present("protector", &seen.stack_protector);
    }
    let can_fortify = cell.toolchain.libc == "glibc";
    wrongs.allow("fortify", &seen.fortify, cell.asked.fortify && can_fortify);
    if cell.asked.fortify && can_fortify && has_symbols {
        wrongs.expect_present("fortify", &seen.fortify);
    }
    wrongs.allow("clash", &seen.stack_clash, cell.asked.clash);
}

fn check(cell: &Cell, facts: &ElfFacts, has_symbols: bool, wrongs: &mut Wrongs) {
    wrongs.expect("machine", &facts.machine.as_str(), &cell.toolchain.machine);
    wrongs.expect("role", &facts.role, &ElfRole::Executable);
    let linkage = if cell.is_static { Linkage::Static } else { Linkage::Dynamic };
    wrongs.expect("linkage", &facts.linkage, &Observed::Present(linkage));
    wrongs.expect("damage", &facts.damage, &Vec::new());
    check_headers(cell, &facts.hardening, wrongs);
    let libc = facts.libc.observed.present().map(|libc| libc.family.as_str());
    if cell.is_static {
        if libc.is_some() {
            wrongs.expect("libc", &libc, &Some(cell.toolchain.libc));
        }
        check_static(cell, &facts.hardening, has_symbols, wrongs);
    } else {
        wrongs.expect("libc", &libc, &Some(cell.toolchain.libc));
        check_dynamic(cell, &facts.hardening, wrongs);
    }
}

/// Ways in which firmware files are damaged, done to a sound file.
fn damaged(file: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let wide = file[4] == 2;
    let big = file[5] == 2;
    let (shoff, width, counts) = if wide { (0x28, 8, 0x3a) } else { (0x20, 4, 0x2e) };
    let mut table = file[shoff..shoff + width].to_vec();
    if big {
        table.reverse();
    }
    let table = table.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let mut stripped = file.to_vec();
    stripped[shoff..shoff + width].fill(0);
    stripped[counts..counts + 6].fill(0);
    let mut garbage = file.to_vec();
    garbage[table..].iter_mut().enumerate().for_each(|(n, byte)| *byte = n as u8 ^ 0xa5);
    vec![
        ("without section headers", stripped),
        ("with the section table cut off", file[..table].to_vec()),
        ("with garbage for section headers", garbage),
        ("cut in the last section header", file[..file.len() - 7].to_vec()),
        ("cut after three quarters", file[..file.len() / 4 * 3].to_vec()),
        ("cut after half", file[..file.len() / 2].to_vec()),
        ("cut within the first page", file[..900].to_vec()),
        ("cut within the ELF header", file[..40].to_vec()),
    ]
}

/// The verdicts of a damaged file may be undetermined, but not different.
fn check_same(sound: &Hardening, seen: &Hardening, wrongs: &mut Wrongs) {
    fn same<T: PartialEq + Debug>(
        what: &str,
        sound: &Observed<T>,
        seen: &Observed<T>,
        wrongs: &mut Wrongs,
    ) {
        if !matches!(seen, Observed::Undetermined(_)) {
            wrongs.expect(what, seen, sound);
        }
    }
    same("nx", &sound.nx.observed, &seen.nx.observed, wrongs);
    same("pie", &sound.pie.observed, &seen.pie.observed, wrongs);
    same("relro", &sound.relro.observed, &seen.relro.observed, wrongs);
    same("clash", &sound.stack_clash.observed, &seen.stack_clash.observed, wrongs);
    same("flow", &sound.control_flow.observed, &seen.control_flow.observed, wrongs);
    same("search path", &sound.search_path, &seen.search_path, wrongs);
    same("text relocations", &sound.text_relocations, &seen.text_relocations, wrongs);
    same("writable code", &sound.writable_executable, &seen.writable_executable, wrongs);
    // How many functions are counted may depend on what is left, not whether there are any.
    let presence = |seen: &Mitigation<Coverage>| match &seen.observed {
        Observed::Present(_) => Observed::Present(()),
        Observed::Absent => Observed::Absent,
        Observed::Undetermined(reason) => Observed::Undetermined(reason.clone()),
    };
    let one_knows =
        |sound: &Mitigation<Coverage>| !matches!(sound.observed, Observed::Undetermined(_));
    if one_knows(&sound.stack_protector) {
        let (sound, seen) = (presence(&sound.stack_protector), presence(&seen.stack_protector));
        same("protector", &sound, &seen, wrongs);
    }
    if one_knows(&sound.fortify) {
        same("fortify", &presence(&sound.fortify), &presence(&seen.fortify), wrongs);
    }
}

fn run(cell: &Cell, directory: &Path) -> Vec<String> {
    let built = cell.toolchain.compile(directory, cell.asked.name, &flags(cell));
    let whole = std::fs::read(&built).unwrap();
    let stripped = cell.toolchain.strip(&built, &[]);
    let debug = cell.toolchain.strip(&built, &["--only-keep-debug"]);
    let mut wrongs = Vec::new();
    for (state, content, has_symbols) in [("whole", &whole, true), ("stripped", &stripped, false)] {
        let name = format!("{} {} {state}", cell.toolchain.name, cell.asked.name);
        let facts = parse_elf(content).unwrap();
        let mut found = Wrongs::default();
        check(cell, &facts, has_symbols, &mut found);
        wrongs.extend(found.0.into_iter().map(|wrong| format!("{name}: {wrong}")));
        let debug = ("debug only", debug.clone());
        for (how, content) in damaged(content).into_iter().chain([debug]) {
            let mut found = Wrongs::default();
            let seen = parse_elf(&content).unwrap();
            check_same(&facts.hardening, &seen.hardening, &mut found);
            let asked = cell.asked.protector.is_some();
            found.allow("protector", &seen.hardening.stack_protector, asked);
            wrongs.extend(found.0.into_iter().map(|wrong| format!("{name} {how}: {wrong}")));
        }
    }
    wrongs
}

/// For each tool chain: cells (whole and stripped) and wrong ones; `--nocapture` shows it.
fn print_summary(cells: &[Cell], wrongs: &[String]) {
    for toolchain in TOOLCHAINS {
        let own = cells.iter().filter(|cell| cell.toolchain.name == toolchain.name);
        let (fixed, dynamic): (Vec<_>, Vec<_>) = own.partition(|cell| cell.is_static);
        let start = format!("{} ", toolchain.name);
        let wrong = wrongs.iter().filter(|wrong| wrong.starts_with(&start)).count();
        let (dynamic, fixed) = (dynamic.len() * 2, fixed.len() * 2);
        println!(
            "{:12} {dynamic} dynamic cells, {fixed} static ones, 8 damages of each: {wrong} wrong",
            toolchain.name
        );
    }
}

#[test]
fn every_dynamic_cell_is_right_and_no_cell_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("program.c"), toolchain::PROGRAM).unwrap();
    let mut cells = Vec::new();
    for toolchain in TOOLCHAINS {
        let cell = |asked: &Asked, is_static| Cell { toolchain, asked: *asked, is_static };
        cells.extend(DYNAMIC.iter().map(|asked| cell(asked, false)));
        cells.extend(STATIC.iter().map(|asked| cell(asked, true)));
    }
    let next = AtomicUsize::new(0);
    let wrongs = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |count| count.get().min(8)) {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = run(cell, directory.path());
                    wrongs.lock().unwrap().extend(found);
                }
            });
        }
    });
    let mut wrongs = wrongs.into_inner().unwrap();
    wrongs.sort();
    print_summary(&cells, &wrongs);
    assert!(wrongs.is_empty(), "{} wrong:\n{}", wrongs.len(), wrongs.join("\n"));
}
