// SPDX-License-Identifier: Apache-2.0
//! ELF files: what they are and how they are hardened.
//!
//! Everything rests on the program headers and the dynamic section, because that is what the
//! kernel and the dynamic linker go by, and vendors cannot strip them. Section headers only add
//! evidence, and only when the whole table is sound. A fact is *absent* only when the place where
//! it would be was read whole; else it is undetermined. docs/HARDENING.md says how each verdict
//! is reached.
//!
//! Left out: DWARF (compilers come from `.comment` texts only), microMIPS code, and the number of
//! functions in MIPS16 programs and in those that mix ARM and Thumb, if they have no symbols.
//!
//! Invariant: every read is checked against the end of the file, every loop has a limit, and no
//! section header decides a mitigation of a linked file.

mod code;
mod compiler;
mod dynamic;
mod function;
mod hardening;
mod header;
mod import;
mod libc;
mod machine;
mod marks;
mod module;
mod note;
mod read;
mod section;
mod segment;
mod shape;
mod symbol;

use kakoi_model::{ElfFacts, ElfRole, Linkage, Observed, Symbols as LeftSymbols};

use compiler::Compilers;
use dynamic::{DT_NEEDED, DT_SONAME, Dynamic, Strings};
use header::Header;
use marks::Marks;
use note::Notes;
use read::{Reader, readable};
use section::{SHT_SYMTAB, Sections, Trust};
use segment::{PT_INTERP, Segments};
use symbol::Symbols;

pub use import::{Danger, find_danger};

/// Everything that was read from one file.
struct Elf<'a> {
    file: Reader<'a>,
    header: Header,
    segments: Segments,
    sections: Sections<'a>,
    dynamic: Dynamic,
    strings: Strings<'a>,
    /// The dynamic symbols.
    dynamic_symbols: Symbols<'a>,
    /// The full symbol table, if the section headers lead to one.
    symbols: Symbols<'a>,
    notes: Notes,
    /// Path and offset of `PT_INTERP`.
    interpreter: Option<(String, u64)>,
    soname: Option<String>,
    marks: Marks,
}

/// Reads one ELF file. None when the content is not ELF at all (no `\x7fELF`).
pub fn parse_elf(content: &[u8]) -> Option<ElfFacts> {
    let mut damage = Vec::new();
    let (endian, bits) = header::parse_ident(content, &mut damage)?;
    let file = Reader::new(content, endian, bits);
    let elf = Elf::read(file, &mut damage);
    let compilers = Compilers::find(&elf);
    let module = module::parse_module(&elf);
    let role = elf.role(module.is_some());
    let libc = libc::find_libc(&elf);
    let imports = elf.imports();
    let variant = machine::parse_variant(
        file,
        &elf.header,
        &elf.segments,
        &elf.sections,
        elf.interpreter.as_ref().map(|(path, _)| path.as_str()),
    );
    let hardening = hardening::find_hardening(&hardening::Subject {
        elf: &elf,
        role,
        compilers: &compilers,
        libc: &libc,
        imports: &imports,
    });
    Some(ElfFacts {
        bits,
        endian,
        machine: machine::machine_name(elf.header.machine),
        abi: variant.abi,
        isa: variant.isa,
        role,
        linkage: elf.linkage(),
        needed: elf.dynamic.texts(DT_NEEDED, &elf.strings),
        symbols: elf.left_symbols(),
        dangerous_imports: imports.iter().filter(|n| find_danger(n).is_some()).cloned().collect(),
        hardening,
        imports,
        interpreter: elf.interpreter.map(|(path, _)| path),
        soname: elf.soname,
        libc,
        compiler: compilers.named,
        build_id: elf.notes.build_id,
        module,
        damage,
    })
}

impl<'a> Elf<'a> {
    fn read(file: Reader<'a>, damage: &mut Vec<String>) -> Self {
        let header = header::parse_header(file).unwrap_or_else(|| {
            damage.push("the file ends within the ELF header".to_owned());
            Header::default()
        });
        let mut segments = Segments::parse(file, &header, damage);
        let sections = Sections::parse(file, &header, damage);
        if sections.are_debug_only() {
            damage.push("separate debug information: the loaded bytes are elsewhere".to_owned());
            segments.forget_loads();
        }
        let dynamic = Dynamic::parse(file, &segments, damage);
        let strings = dynamic.strings(file, &segments);
        let dynamic_symbols =
            symbol::parse_dynamic_symbols(file, &segments, &dynamic, &strings, damage);
        let interpreter = segments.first(PT_INTERP).and_then(|segment| {
            let path = file.text(segment.offset, segment.file_size.min(256))?;
            Some((readable(path), segment.offset))
        });
        let mut elf = Self {
            file,
            header,
            symbols: symbol::parse_static_symbols(file, &sections),
            notes: Notes::parse(file, header.kind, &segments, &sections),
            soname: dynamic.texts(DT_SONAME, &strings).into_iter().next(),
            segments,
            sections,
            dynamic,
            strings,
            dynamic_symbols,
            interpreter,
            marks: Marks::default(),
        };
        elf.marks = elf.find_marks();
        elf
    }

    /// Searches the bytes only where no table tells.
    fn find_marks(&self) -> Marks {
        let is_dynamic_program = self.interpreter.is_some() || self.dynamic.has(DT_NEEDED);
        let is_libc = self.soname.as_deref().is_some_and(|name| {
            ["libc.", "libc-", "ld", "libuClibc"].iter().any(|start| name.starts_with(start))
        });
        let is_object = self.header.kind == header::ET_REL && self.sections.trust == Trust::Whole;
        if is_libc || (!is_dynamic_program && !is_object) {
            Marks::find(self.file.bytes())
        } else if self.sections.named(b".comment").is_none() && !is_object {
            Marks::find_compilers(self.file.bytes())
        } else {
            Marks::default()
        }
    }

    /// Undefined functions: of the dynamic symbols, or of the symbol table of an object file.
    fn imports(&self) -> Vec<String> {
        let of_object = self.header.kind == header::ET_REL;
        import::find_imports(if of_object { &self.symbols } else { &self.dynamic_symbols })
    }

    fn linkage(&self) -> Observed<Linkage> {
        shape::find_linkage(self)
    }

    fn role(&self, is_module: bool) -> ElfRole {
        shape::find_role(self, is_module)
    }

    fn left_symbols(&self) -> Observed<LeftSymbols> {
        let has = |name: &[u8]| self.sections.named(name).is_some();
        if has(b".debug_info") || has(b".zdebug_info") {
            return Observed::Present(LeftSymbols::Debug);
        }
        if self.sections.list.iter().any(|section| section.kind == SHT_SYMTAB) {
            return Observed::Present(LeftSymbols::Table);
        }
        // Symbol tables are not loaded: without section headers they can only lie behind the
        // loaded bytes, where a stripped file has at most some padding.
        let rest = self.file.len().saturating_sub(self.segments.end_of_loads());
        let known = match self.sections.trust {
            Trust::Whole => true,
            Trust::Stripped => self.segments.intact && self.segments.loaded_whole && rest < 4096,
            Trust::Damaged => false,
        };
        if !known {
            return Observed::undetermined("sections-lost", "the section headers are lost");
        }
        let dynamic = self.dynamic_symbols.list.len() > 1;
        Observed::Present(if dynamic { LeftSymbols::DynamicOnly } else { LeftSymbols::None })
    }
}
