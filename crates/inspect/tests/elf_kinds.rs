// SPDX-License-Identifier: Apache-2.0
//! Kernels, modules, libraries and programs are told apart, and each reason for an absent
//! mitigation is given where it holds.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on should stop.

mod toolchain;

use kakoi_inspect::elf::parse_elf;
use kakoi_model::{Absence, ElfFacts, ElfRole, Linkage, Observed, Symbols};
use toolchain::{AMD64, ARM64, ARMHF, MIPS, MUSL, TOOLCHAINS, Toolchain};

fn build(toolchain: Toolchain, source: &str, flags: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("program.c"), source).unwrap();
    std::fs::read(toolchain.compile(directory.path(), "kind", flags)).unwrap()
}

fn parse(content: &[u8]) -> ElfFacts {
    let facts = parse_elf(content).unwrap();
    assert_eq!(facts.damage, Vec::<String>::new());
    facts
}

const MODULE: &str = r#"
#define INFO(name, text) static const char name[] \
    __attribute__((section(".modinfo"), used, aligned(1))) = text;
INFO(i1, "license=GPL") INFO(i2, "author=A. Smith") INFO(i3, "description=a driver")
INFO(i4, "depends=cfg80211,mac80211") INFO(i5, "name=ath9k") INFO(i6, "version=1.0")
INFO(i7, "vermagic=3.18.44 mod_unload MIPS32_R2 32BIT ")
extern int printk(const char *, ...);
int init_module(void) { char text[64]; text[printk("%p", text)] = 1; return text[3]; }
"#;

#[test]
fn a_module_tells_its_magic_and_whether_it_is_signed() {
    let plain = build(MIPS, MODULE, &["-c", "-fno-stack-protector"]);
    let facts = parse(&plain);
    assert_eq!(facts.role, ElfRole::KernelModule);
    assert_eq!(facts.linkage, Observed::Present(Linkage::Relocatable));
    assert_eq!(facts.imports, ["printk"]);
    let module = facts.module.unwrap();
    assert_eq!(module.vermagic.as_deref(), Some("3.18.44 mod_unload MIPS32_R2 32BIT "));
    assert_eq!(module.license.as_deref(), Some("GPL"));
    assert_eq!(module.depends, ["cfg80211", "mac80211"]);
    assert_eq!(module.description.as_deref(), Some("a driver (by A. Smith)"));
    assert!(!module.signed);
    let signed = [&plain[..], b"signature~Module signature appended~\n"].concat();
    assert!(parse(&signed).module.unwrap().signed);
}

#[test]
fn a_protected_module_imports_the_handler_of_the_kernel() {
    let flags = ["-c", "-fstack-protector-strong", "-mstack-protector-guard=global"];
    let facts = parse(&build(ARM64, MODULE, &flags));
    let coverage = facts.hardening.stack_protector.observed.present();
    assert!(coverage.is_some(), "{:?}", facts.hardening.stack_protector);
}

#[test]
fn a_module_without_section_headers_is_still_a_module() {
    let mut content = build(AMD64, MODULE, &["-c"]);
    content[0x28..0x30].fill(0);
    content[0x3a..0x40].fill(0);
    let facts = parse(&content);
    assert_eq!(facts.role, ElfRole::KernelModule);
    assert_eq!(facts.module.unwrap().name.as_deref(), Some("ath9k"));
    assert!(matches!(facts.hardening.stack_protector.observed, Observed::Undetermined(_)));
}

#[test]
fn a_kernel_is_known_by_banner_and_address() {
    let source = r#"const char banner[] = "Linux version 5.4.0 (gcc)"; const char *_start(void) { return banner; }"#;
    let flags = [
        "-static",
        "-nostdlib",
        "-no-pie",
        "-fno-pie",
        "-mcmodel=kernel",
        "-Wl,-Ttext-segment=0xffffffff81000000",
    ];
    assert_eq!(parse(&build(AMD64, source, &flags)).role, ElfRole::Kernel);
}

#[test]
fn libraries_are_known_without_a_name() {
    let source = "int puts(const char *); int shout(const char *text) { return puts(text); }";
    for toolchain in [AMD64, ARMHF, MIPS, MUSL] {
        let facts = parse(&build(toolchain, source, &["-shared", "-fPIC"]));
        assert_eq!(facts.role, ElfRole::Library);
        assert_eq!(facts.hardening.pie.absence, Some(Absence::NotApplicable));
        let alone = parse(&build(toolchain, source, &["-shared", "-fPIC", "-nostdlib"]));
        assert_eq!(alone.role, ElfRole::Library, "{}", toolchain.name);
    }
}

#[test]
fn a_static_pie_is_a_program_at_any_address() {
    for toolchain in [AMD64, ARM64] {
        let facts = parse(&build(toolchain, toolchain::PROGRAM, &["-static-pie", "-fPIE"]));
        assert_eq!(facts.linkage, Observed::Present(Linkage::StaticPie));
        assert_eq!(facts.role, ElfRole::Executable);
        assert!(facts.hardening.pie.observed.is_present());
    }
}

#[test]
fn debug_information_paths_and_identifiers_are_read() {
    let flags = ["-g", "-Wl,--build-id=0x00c0ffee", "-Wl,-rpath,/opt/lib:$ORIGIN"];
    let facts = parse(&build(ARM64, toolchain::PROGRAM, &flags));
    assert_eq!(facts.symbols, Observed::Present(Symbols::Debug));
    assert_eq!(facts.build_id.as_deref(), Some("00c0ffee"));
    let paths = vec!["/opt/lib:$ORIGIN".to_owned()];
    assert_eq!(facts.hardening.search_path, Observed::Present(paths));
    assert!(facts.compiler.present().unwrap()[0].starts_with("GCC: (Debian"));
    assert!(facts.interpreter.unwrap().ends_with("ld-linux-aarch64.so.1"));
    let libc = facts.libc.observed.present().unwrap().clone();
    assert_eq!((libc.family.as_str(), libc.version.as_deref()), ("glibc", Some(">=2.34")));
}

#[test]
fn calling_conventions_are_read_from_the_flags() {
    let empty = "int main(void) { return 0; }";
    let variant = |toolchain, flags: &[&str]| {
        let facts = parse(&build(toolchain, empty, flags));
        (facts.abi.unwrap_or_default(), facts.isa.unwrap_or_default())
    };
    let pair = |abi: &str, isa: &str| (abi.to_owned(), isa.to_owned());
    assert_eq!(variant(ARMHF, &[]), pair("eabi5-hard-float", "armv7"));
    assert_eq!(variant(MIPS, &[]), pair("o32", "mips32r2"));
    assert_eq!(variant(MIPS, &["-c", "-mips1", "-mfp32", "-mabi=32"]), pair("o32", "mips1"));
    assert_eq!(variant(MIPS, &["-c", "-mabi=64", "-mips64r2"]), pair("n64", "mips64r2"));
    assert_eq!(variant(MIPS, &["-c", "-mabi=n32", "-mips64r2"]), pair("n32", "mips64r2"));
    assert_eq!(variant(AMD64, &["-c", "-mx32"]), pair("x32", ""));
}

/// A program of which every object names this compiler.
fn built_by(compiler: &str, toolchain: Toolchain, flags: &[&str]) -> ElfFacts {
    let source = format!(
        "__asm__(\".ident \\\"{compiler}\\\"\"); int __start(void) {{ return 0; }}\
         int _start(void) {{ return 0; }}"
    );
    let flags = [&["-nostdlib", "-no-pie", "-fno-ident", "-shared", "-fPIC"], flags].concat();
    parse(&build(toolchain, &source, &flags))
}

#[test]
fn an_old_compiler_is_the_reason_where_it_could_not() {
    let old = built_by("GCC: (GNU) 3.4.2", MIPS, &["-Wl,-z,execstack"]);
    assert_eq!(old.compiler, Observed::Present(vec!["GCC: (GNU) 3.4.2".to_owned()]));
    assert_eq!(old.hardening.nx.absence, Some(Absence::ToolchainCannot));
    assert_eq!(old.hardening.stack_protector.absence, Some(Absence::ToolchainCannot));
    assert_eq!(old.hardening.stack_clash.absence, Some(Absence::ToolchainCannot));
    let new = built_by("GCC: (GNU) 12.2.0", MIPS, &["-Wl,-z,execstack"]);
    assert_eq!(new.hardening.nx.absence, Some(Absence::NotRequested));
}

#[test]
fn reasons_of_the_library_the_machine_and_the_kernel_are_told_apart() {
    let musl = parse(&build(MUSL, toolchain::PROGRAM, &["-D_FORTIFY_SOURCE=2"]));
    assert_eq!(musl.hardening.fortify.absence, Some(Absence::ToolchainCannot));
    let arm = parse(&build(ARMHF, toolchain::PROGRAM, &[]));
    assert_eq!(arm.hardening.control_flow.absence, Some(Absence::ArchitectureCannot));
    let mips = parse(&build(MIPS, toolchain::PROGRAM, &["-Wl,-z,noexecstack"]));
    assert_eq!(mips.hardening.nx.absence, Some(Absence::NotEnforced));
    assert!(mips.hardening.nx.evidence[0].what.starts_with("PT_GNU_STACK RW"));
    let calm = parse(&build(AMD64, "int main(int n, char **w) { return n; }", &[]));
    assert_eq!(calm.hardening.fortify.absence, Some(Absence::NotApplicable));
    assert_eq!(calm.hardening.stack_protector.absence, Some(Absence::Unknown));
}

#[test]
fn dynamic_symbols_are_counted_without_section_headers_in_every_kind_of_hash_table() {
    for toolchain in TOOLCHAINS {
        for flags in [&[][..], &["-rdynamic"], &["-Wl,--hash-style=sysv"], &["-shared", "-fPIC"]] {
            let sound = build(toolchain, toolchain::PROGRAM, flags);
            let mut bare = sound.clone();
            let (table, counts) =
                if bare[4] == 2 { (0x28..0x30, 0x3a) } else { (0x20..0x24, 0x2e) };
            bare[table].fill(0);
            bare[counts..counts + 6].fill(0);
            let (sound, bare) = (parse(&sound), parse(&bare));
            assert!(sound.imports.contains(&"memcpy".to_owned()), "{:?}", sound.imports);
            assert_eq!(sound.imports, bare.imports, "{} {flags:?}", toolchain.name);
            assert_eq!(sound.dangerous_imports, ["strcpy"]);
        }
    }
}

#[test]
fn protected_functions_are_counted_through_every_kind_of_mips_call() {
    let protector = ["-fstack-protector-strong", "-s"];
    for how in [
        &["-no-pie", "-fno-pic", "-mplt"][..],
        &["-no-pie", "-fno-pic", "-mplt", "-mips16"],
        &["-fPIE", "-pie"],
        &["-fPIE", "-pie", "-mips16"],
    ] {
        let facts = parse(&build(MIPS, toolchain::PROGRAM, &[how, &protector].concat()));
        let coverage = facts.hardening.stack_protector.observed.present().copied();
        let coverage = coverage.unwrap();
        assert_eq!(coverage.protected, Some(toolchain::PROTECTED), "{how:?}");
        // MIPS16 code is not read far enough to count its functions.
        assert_eq!(coverage.of.is_some(), !how.contains(&"-mips16"), "{how:?}");
    }
}
