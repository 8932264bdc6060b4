// SPDX-License-Identifier: Apache-2.0
//! Facts about one ELF file. Sources: System V gABI (ELF-64 v2), processor supplements, and the
//! `.note.gnu.property` specification.

use serde::{Deserialize, Serialize};

use crate::{Evidence, Observed};

/// What one look at an ELF file established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfFacts {
    /// 32 or 64.
    pub bits: u8,
    /// Byte order.
    pub endian: Endian,
    /// Machine, from `e_machine`: `mips`, `arm`, `aarch64`, `x86-64`, `i386`, `powerpc`, …
    pub machine: String,
    /// Calling convention where the machine has several: `o32`, `n32`, `n64` (with `-soft-float`
    /// where the file says so), `eabi5`, `eabi5-hard-float`, `oabi`, `x32`, `elfv1`, `elfv2`,
    /// `lp64d`, `ilp32`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<String>,
    /// Architecture revision, where the header tells: `mips32r2`, `armv7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// What the file is for.
    pub role: ElfRole,
    /// How it is linked; undetermined when the program headers are damaged.
    pub linkage: Observed<Linkage>,
    /// The requested dynamic linker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// `DT_NEEDED`, in file order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// C library that it was built for.
    pub libc: Mitigation<Libc>,
    /// Compilers named by `.comment` or DWARF.
    pub compiler: Observed<Vec<String>>,
    /// Symbols that are left.
    pub symbols: Observed<Symbols>,
    /// GNU build identifier in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Exploit mitigations.
    pub hardening: Hardening,
    /// Imported functions that are dangerous by nature or run other programs, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dangerous_imports: Vec<String>,
    /// All imported functions, sorted (undefined dynamic symbols).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// For a kernel module: what `.modinfo` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleInfo>,
    /// Damage that was met while reading; facts that it touches are undetermined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
}

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// What an ELF file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElfRole {
    /// A program.
    Executable,
    /// A shared library.
    Library,
    /// A kernel module.
    KernelModule,
    /// A Linux kernel.
    Kernel,
    /// An object file.
    Object,
    /// A core dump or something else.
    Other,
}

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// Everything is in the file, at fixed addresses.
    Static,
    /// Everything is in the file, which relocates itself.
    StaticPie,
    /// A dynamic linker adds libraries.
    Dynamic,
    /// Not linked: an object file or a kernel module.
    Relocatable,
}

/// C library families.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Libc {
    /// `glibc`, `uclibc`, `uclibc-ng`, `musl`, `bionic`, `dietlibc`, `klibc`, `newlib`.
    pub family: String,
    /// Version, where the file tells: `2.36` in the library itself, `>=2.34` in a program that
    /// needs symbols of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Symbols that are left in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symbols {
    /// Symbol table and debug information.
    Debug,
    /// Symbol table.
    Table,
    /// Only what dynamic linking needs.
    DynamicOnly,
    /// None.
    None,
}

/// One mitigation: is it there, on what evidence, and if not, why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mitigation<T> {
    /// Three-valued result.
    pub observed: Observed<T>,
    /// Why it is absent; set only for [`Observed::Absent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
    /// What the result rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl<T> Mitigation<T> {
    /// Present, on this evidence.
    pub fn present(value: T, evidence: Vec<Evidence>) -> Self {
        Self { observed: Observed::Present(value), absence: None, evidence }
    }

    /// Absent for this reason, on this evidence.
    pub fn absent(absence: Absence, evidence: Vec<Evidence>) -> Self {
        Self { observed: Observed::Absent, absence: Some(absence), evidence }
    }

    /// Not to be told from the bytes.
    pub fn undetermined(code: &'static str, detail: impl Into<String>) -> Self {
        Self { observed: Observed::undetermined(code, detail), absence: None, evidence: Vec::new() }
    }
}

/// Why a mitigation is absent (requirement A-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// The tools could, nobody asked.
    NotRequested,
    /// The compiler, linker or C library of that time or kind cannot.
    ToolchainCannot,
    /// The processor architecture has no such thing.
    ArchitectureCannot,
    /// It is requested, but the kernel of this architecture does not enforce it.
    NotEnforced,
    /// There is nothing that it would protect: no fortifiable call, no stack array.
    NotApplicable,
    /// It is absent, and the reason cannot be told.
    Unknown,
}

/// Exploit mitigations of one ELF file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardening {
    /// Stack and data are not executable (`PT_GNU_STACK` without `PF_X`, and enforced).
    pub nx: Mitigation<()>,
    /// Position-independent executable. Not applicable to libraries and modules.
    pub pie: Mitigation<()>,
    /// Relocations read-only after start.
    pub relro: Mitigation<Relro>,
    /// Stack protector: functions that check a canary among functions.
    pub stack_protector: Mitigation<Coverage>,
    /// `_FORTIFY_SOURCE`: imported functions that are checked variants, among imported functions
    /// that are or could be.
    pub fortify: Mitigation<Coverage>,
    /// Stack clash protection (probes of large frames).
    pub stack_clash: Mitigation<()>,
    /// Control flow: Intel CET shadow stack and IBT, AArch64 BTI and PAC.
    pub control_flow: Mitigation<Vec<String>>,
    /// `DT_RPATH` or `DT_RUNPATH` entries. Present is the weakness.
    pub search_path: Observed<Vec<String>>,
    /// Text relocations. Present is the weakness.
    pub text_relocations: Observed<()>,
    /// Segments that are writable and executable at once, by program header index. Present is the
    /// weakness.
    pub writable_executable: Observed<Vec<u16>>,
}

/// Degrees of RELRO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    /// `PT_GNU_RELRO`, but the procedure linkage table stays writable.
    Partial,
    /// `PT_GNU_RELRO` and immediate binding.
    Full,
}

/// Evidence beside [`Relro::Full`] where the linker left the global offset table out of what
/// becomes read-only, as GNU ld does for MIPS.
pub const WRITABLE_GOT: &str = "the global offset table lies outside of it and stays writable";

/// How much of what could be protected is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coverage {
    /// Units that are protected; none when only its presence is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<u32>,
    /// Units that could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// What `.modinfo` of a kernel module says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ModuleInfo {
    /// `vermagic=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vermagic: Option<String>,
    /// `license=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// `version=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `name=`, or the file's own idea of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `author=` and `description=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `depends=`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<String>,
    /// Is a signature appended (`~Module signature appended~`)?
    pub signed: bool,
}
