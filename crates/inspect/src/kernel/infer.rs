// SPDX-License-Identifier: Apache-2.0
//! Options of a kernel that does not carry its configuration.
//!
//! Each is inferred from something that only the option puts there, and says from what. What
//! nothing tells of is left out: not known is not *not set*. An option is *not set* only when the
//! symbol table is complete and a function that the option alone governs is not in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use kakoi_model::{ConfigSource, Endian, KernelOption, KernelVersion, Observed};
use memchr::memmem;

use super::banner::Banner;
use super::kallsyms::{Kallsyms, Width};
use super::machine::Machine;
use super::options::{Since, Witness, names_arch, witnesses};

/// A symbol table with fewer functions than this is not that of a whole kernel.
const MIN_COMPLETE: usize = 3_000;
/// Shorter names, or those of one word, may be texts of another meaning.
const MIN_TELLING: usize = 10;
/// Head of BTF (include/uapi/linux/btf.h): magic, version 1, no flags, header of 24 bytes.
const BTF_HEADS: [&[u8]; 2] =
    [b"\x9f\xeb\x01\x00\x18\x00\x00\x00", b"\xeb\x9f\x01\x00\x00\x00\x00\x18"];
/// Type information of a kernel is megabytes; that of a test fixture is not.
const MIN_BTF: u32 = 256 << 10;

/// Options inferred so far.
pub(super) type Options = BTreeMap<String, KernelOption>;

/// What the inference looks at.
pub(super) struct Sight<'a> {
    pub(super) content: &'a [u8],
    pub(super) banner: &'a Banner,
    pub(super) machine: Option<&'a Machine>,
    pub(super) kallsyms: Option<&'a Kallsyms>,
}

/// All options that the kernel itself tells.
pub(super) fn infer(sight: &Sight<'_>) -> Options {
    let mut options = Options::new();
    from_banner(&mut options, sight.banner);
    from_machine(&mut options, sight);
    if let Some(magic) = find_vermagic(sight.content, &sight.banner.release) {
        from_vermagic(&mut options, &magic, sight.banner.version);
    }
    from_tables(&mut options, sight);
    from_witnesses(&mut options, sight);
    if let Some(order) = find_lsm_order(sight.content, sight.banner.version) {
        present(&mut options, "LSM", &order, "list of security modules");
    }
    options
}

pub(super) fn present(options: &mut Options, name: &str, value: &str, witness: &str) {
    insert(options, name, Observed::Present(value.to_owned()), witness);
}

pub(super) fn absent(options: &mut Options, name: &str, witness: &str) {
    insert(options, name, Observed::Absent, witness);
}

/// What is there first stays: stronger witnesses come first.
fn insert(options: &mut Options, name: &str, value: Observed<String>, witness: &str) {
    options.entry(name.to_owned()).or_insert_with(|| KernelOption {
        value,
        found_as: None,
        source: ConfigSource::Inferred,
        witness: Some(witness.to_owned()),
    });
}

/// scripts/mkcompile_h and init/Makefile put the flags into the banner.
fn from_banner(options: &mut Options, banner: &Banner) {
    let has = |flag: &str| banner.flags.iter().any(|word| word == flag);
    if banner.built.is_some() {
        if has("SMP") {
            present(options, "SMP", "y", "SMP in the banner");
        } else {
            absent(options, "SMP", "no SMP in the banner");
        }
    }
    for (flag, name) in [
        ("PREEMPT_RT", "PREEMPT_RT"),
        ("PREEMPT_DYNAMIC", "PREEMPT_DYNAMIC"),
        ("PREEMPT", "PREEMPT"),
    ] {
        // From 6.13 `PREEMPT` may also stand for the lazy kind, which is another option.
        let open = flag == "PREEMPT" && banner.version >= KernelVersion(6, 13, 0);
        if has(flag) && !open {
            present(options, name, "y", &format!("{flag} in the banner"));
        }
    }
    let Some(compiler) = &banner.compiler else { return };
    if banner.version >= KernelVersion(4, 19, 0) {
        let clang = compiler.contains("clang version");
        let gcc = !clang && (compiler.contains("gcc") || compiler.contains("GCC"));
        if clang || gcc {
            let name = if clang { "CC_IS_CLANG" } else { "CC_IS_GCC" };
            present(options, name, "y", "compiler in the banner");
        }
    }
}

fn from_machine(options: &mut Options, sight: &Sight<'_>) {
    let Some(machine) = sight.machine else { return };
    let names: &[&str] = match machine.name {
        "mips" => &["MIPS"],
        "arm" => &["ARM"],
        "aarch64" => &["ARM64", "64BIT"],
        "x86-64" => &["X86", "X86_64", "64BIT"],
        "i386" => &["X86", "X86_32"],
        "powerpc" => &["PPC"],
        "powerpc64" => &["PPC", "PPC64"],
        "riscv" => &["RISCV"],
        _ => &[],
    };
    for name in names {
        present(options, name, "y", &machine.evidence.what);
    }
    let endian = sight.kallsyms.map(|table| table.endian);
    if machine.name == "mips" {
        match endian {
            Some(Endian::Big) => {
                present(options, "CPU_BIG_ENDIAN", "y", "byte order of the symbol table")
            }
            Some(Endian::Little) => {
                present(options, "CPU_LITTLE_ENDIAN", "y", "byte order of the symbol table")
            }
            None => {}
        }
        match machine.width {
            Width::Bits32 => present(options, "32BIT", "y", &machine.evidence.what),
            Width::Bits64 => present(options, "64BIT", "y", &machine.evidence.what),
            Width::Unknown => {}
        }
    }
}

/// The module magic that the kernel compares with that of modules (include/linux/vermagic.h).
fn find_vermagic(content: &[u8], release: &str) -> Option<String> {
    let start = format!("{release} ");
    memmem::find_iter(content, start.as_bytes()).find_map(|at| {
        let before = at.checked_sub(1).and_then(|before| content.get(before)).copied();
        if before.is_some_and(|byte| byte != 0) {
            return None;
        }
        let text = content.get(at..content.len().min(at + 200))?;
        let text = std::str::from_utf8(text.get(..memchr::memchr(0, text)?)?).ok()?;
        is_vermagic(text, release).then(|| text.to_owned())
    })
}

fn is_vermagic(text: &str, release: &str) -> bool {
    let words = text.strip_prefix(release).unwrap_or_default();
    // The banner's own tail follows the release in some builds; it has brackets or a number sign.
    !words.contains(['(', '#', '%', ':'])
        && (words.contains("mod_unload") || words.contains("modversions") || words.ends_with(' '))
}

/// What a module magic says of the kernel that it is for.
pub(super) fn from_vermagic(options: &mut Options, magic: &str, version: KernelVersion) {
    let words: Vec<&str> = magic.split_ascii_whitespace().skip(1).collect();
    let witness = format!("module magic `{}`", magic.trim_end());
    let mut tell = |word: &str, name: &str| {
        if words.contains(&word) {
            present(options, name, "y", &witness);
        } else {
            absent(options, name, &witness);
        }
    };
    tell("SMP", "SMP");
    tell("mod_unload", "MODULE_UNLOAD");
    tell("modversions", "MODVERSIONS");
    present(options, "MODULES", "y", &witness);
    for (word, name) in [
        ("preempt", "PREEMPT"),
        ("preempt_rt", "PREEMPT_RT"),
        ("32BIT", "32BIT"),
        ("64BIT", "64BIT"),
        ("thumb2", "THUMB2_KERNEL"),
        ("p2v8", "ARM_PATCH_PHYS_VIRT"),
        ("MIPS32_R1", "CPU_MIPS32_R1"),
        ("MIPS32_R2", "CPU_MIPS32_R2"),
        ("MIPS64_R1", "CPU_MIPS64_R1"),
        ("MIPS64_R2", "CPU_MIPS64_R2"),
    ] {
        // From 5.18 `preempt` also stands for the dynamic choice, which leaves PREEMPT open.
        let open = word == "preempt" && version >= KernelVersion(5, 12, 0);
        if words.contains(&word) && !open {
            present(options, name, "y", &witness);
        }
    }
    if words.iter().any(|word| word.starts_with("RANDSTRUCT")) {
        present(options, "RANDSTRUCT_FULL", "y", &witness);
    }
}

/// Tables that are themselves an option.
fn from_tables(options: &mut Options, sight: &Sight<'_>) {
    if let Some(btf) = BTF_HEADS.iter().find_map(|head| find_btf(sight.content, head)) {
        present(options, "DEBUG_INFO_BTF", "y", &format!("type information at 0x{btf:x}"));
    } else if sight.banner.version >= KernelVersion(5, 2, 0) && is_complete(sight) {
        absent(options, "DEBUG_INFO_BTF", "no type information in the kernel");
    }
    let Some(table) = sight.kallsyms else { return };
    present(options, "KALLSYMS", "y", "symbol table");
    // Without KALLSYMS_ALL only marks of sections are data.
    let data = table.symbols.iter().filter(|symbol| b"dDbBrR".contains(&symbol.kind)).count();
    if data * 20 > table.symbols.len() {
        present(options, "KALLSYMS_ALL", "y", "data in the symbol table");
    } else if is_complete(sight) && table.symbols.iter().any(|symbol| symbol.kind == b'T') {
        absent(options, "KALLSYMS_ALL", "no data in the symbol table");
    }
}

fn find_btf(content: &[u8], head: &[u8]) -> Option<usize> {
    let endian = if head.first() == Some(&0x9f) { Endian::Little } else { Endian::Big };
    let words = super::words::Words { bytes: content, endian };
    memmem::find_iter(content, head).find(|at| {
        words.u32(at + 12).is_some_and(|length| length > MIN_BTF)
            && words.u32(at + 8) == Some(0)
            && words.u32(at + 16) == words.u32(at + 12)
    })
}

/// Is the symbol table that of a whole kernel?
fn is_complete(sight: &Sight<'_>) -> bool {
    sight.kallsyms.is_some_and(|table| {
        let has = |name: &str| table.symbols.iter().any(|symbol| symbol.name == name);
        table.symbols.len() >= MIN_COMPLETE && has("start_kernel")
    })
}

fn from_witnesses(options: &mut Options, sight: &Sight<'_>) {
    let names = match sight.kallsyms {
        Some(table) => functions(table),
        None => exported(sight.content),
    };
    let complete = is_complete(sight);
    let version = Since(sight.banner.version);
    for witness in witnesses() {
        let here = sight.machine.is_some_and(|machine| names_arch(&witness.archs, machine.name))
            || witness.archs.is_empty();
        if !here {
            continue;
        }
        let counts = witness.since.is_none_or(|since| version >= since)
            && witness.until.is_none_or(|until| version < until);
        if counts && let Some(seen) = seen(witness, &names, sight.content) {
            prove(options, witness, &seen);
        } else if complete && shows_absence(witness, version, &names) {
            let missing = witness.any.first().map(String::as_str).unwrap_or_default();
            absent(options, &witness.option, &format!("no function {missing} in the symbol table"));
        }
    }
}

fn prove(options: &mut Options, witness: &Witness, seen: &str) {
    match witness.value.as_str() {
        "?" => {}
        "n" => absent(options, &witness.option, seen),
        value => present(options, &witness.option, value, seen),
    }
}

fn seen(witness: &Witness, names: &HashMap<&str, bool>, content: &[u8]) -> Option<String> {
    let symbol = witness.any.iter().find(|name| names.get(name.as_str()) == Some(&true));
    if let Some(symbol) = symbol {
        return Some(format!("function {symbol}"));
    }
    let text = witness.text.iter().find(|text| holds_text(content, text))?;
    Some(format!("text `{}`", text.trim_end()))
}

fn holds_text(content: &[u8], text: &str) -> bool {
    let whole = [text.as_bytes(), b"\0"].concat();
    memmem::find(content, &whole).is_some()
}

fn shows_absence(witness: &Witness, version: Since, names: &HashMap<&str, bool>) -> bool {
    witness.none_since.is_some_and(|since| version >= since)
        && witness.none_until.is_none_or(|until| version < until)
        && !witness.any.is_empty()
        && !witness.any.iter().any(|name| names.contains_key(name.as_str()))
}

/// Functions by name without what compilers append (`.isra.0`, `.cold`), and whether one of that
/// name is more than a weak symbol.
fn functions(kallsyms: &Kallsyms) -> HashMap<&str, bool> {
    let mut names = HashMap::new();
    for symbol in &kallsyms.symbols {
        let base = symbol.name.split('.').next().unwrap_or_default();
        *names.entry(base).or_insert(false) |= !b"wWvV".contains(&symbol.kind);
    }
    names
}

/// Names of functions as whole texts: without a symbol table the names of exported functions are
/// still there for modules. A name that could be another text is not looked for.
fn exported(content: &[u8]) -> HashMap<&'static str, bool> {
    let mut names = HashMap::new();
    let Some((search, known)) = EXPORTS.as_ref() else { return names };
    for found in search.find_iter(content) {
        let before = found.start().checked_sub(1).and_then(|at| content.get(at));
        if before == Some(&0)
            && let Some(name) = known.get(found.pattern().as_usize())
        {
            names.insert(*name, true);
        }
    }
    names
}

/// The names that [`exported`] looks for, each with the zero that ends it.
static EXPORTS: LazyLock<Option<(AhoCorasick, Vec<&'static str>)>> = LazyLock::new(|| {
    let telling = |name: &&str| name.len() >= MIN_TELLING && name.contains('_');
    let names: Vec<&'static str> = witnesses()
        .iter()
        .flat_map(|witness| &witness.any)
        .map(String::as_str)
        .filter(telling)
        .collect();
    let patterns = names.iter().map(|name| [name.as_bytes(), b"\0"].concat());
    let search =
        AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns).ok()?;
    Some((search, names))
});

/// `CONFIG_LSM`: a text that lists security modules (security/security.c, 5.1 and later).
fn find_lsm_order(content: &[u8], version: KernelVersion) -> Option<String> {
    const NAMES: [&str; 14] = [
        "landlock",
        "lockdown",
        "yama",
        "loadpin",
        "safesetid",
        "integrity",
        "apparmor",
        "selinux",
        "smack",
        "tomoyo",
        "bpf",
        "ipe",
        "capability",
        "ima",
    ];
    if version < KernelVersion(5, 1, 0) {
        return None;
    }
    [&b"lockdown,"[..], b"yama,", b"integrity,", b"landlock,"].iter().find_map(|part| {
        memmem::find_iter(content, part).find_map(|at| {
            let start = memchr::memrchr(0, content.get(at.saturating_sub(256)..at)?)
                .map(|zero| at.saturating_sub(256) + zero + 1)?;
            let text = content.get(start..content.len().min(start + 256))?;
            let text = std::str::from_utf8(text.get(..memchr::memchr(0, text)?)?).ok()?;
            text.split(',').all(|name| NAMES.contains(&name)).then(|| text.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_magic_tells_what_is_set_and_what_is_not() {
        let mut options = Options::new();
        from_vermagic(
            &mut options,
            "4.14.267 SMP mod_unload MIPS32_R2 32BIT ",
            KernelVersion(4, 14, 267),
        );
        let value = |name: &str| options.get(name).map(|option| option.value.clone());
        assert_eq!(value("SMP"), Some(Observed::Present("y".into())));
        assert_eq!(value("MODVERSIONS"), Some(Observed::Absent));
        assert_eq!(value("CPU_MIPS32_R2"), Some(Observed::Present("y".into())));
        assert_eq!(value("PREEMPT"), None);
    }

    #[test]
    fn only_the_kernels_own_magic_counts() {
        let text = b"\x005.10.0 (root@host) #1 SMP\x005.10.0 SMP mod_unload ARMv7 p2v8 \0";
        assert_eq!(
            find_vermagic(text, "5.10.0").as_deref(),
            Some("5.10.0 SMP mod_unload ARMv7 p2v8 ")
        );
    }
}
