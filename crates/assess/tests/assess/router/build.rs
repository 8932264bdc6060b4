// SPDX-License-Identifier: Apache-2.0
//! Short ways to write facts in tests.

use std::collections::BTreeMap;

use kakoi_model::*;

pub(crate) fn place(container: u32, path: &str) -> FileRef {
    FileRef { container: ContainerId(container), path: path.into() }
}

pub(crate) fn container(
    id: u32,
    parent: Option<FileRef>,
    offset: u64,
    size: u64,
    format: &str,
    attributes: &[(&str, &str)],
    entries: u64,
) -> Container {
    Container {
        id: ContainerId(id),
        parent,
        blob: Digest::of(b"image"),
        offset,
        size,
        format: format.into(),
        confidence: Confidence::Structure,
        state: OpenState::Full,
        attributes: attributes
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
        entries,
        root: format == "squashfs",
    }
}

pub(crate) fn gap(offset: u64, size: u64, what: RegionKind) -> Region {
    Region { blob: Digest::of(b"image"), offset, size, what }
}

/// The digest of a file is that of its path: tests need no contents.
pub(crate) fn regular(container: u32, path: &str, mode: u32, size: u64) -> File {
    let digest = Digest::of(place(container, path).path.as_bytes());
    entry(container, path, mode, FileKind::Regular { digest, size })
}

pub(crate) fn symlink(path: &str, target: &str) -> File {
    entry(1, path, 0o777, FileKind::Symlink { target: target.into() })
}

pub(crate) fn directory(path: &str, mode: u32) -> File {
    entry(1, path, mode, FileKind::Directory)
}

fn entry(container: u32, path: &str, mode: u32, kind: FileKind) -> File {
    File {
        container: ContainerId(container),
        path: path.into(),
        kind,
        mode: Some(mode),
        uid: Some(0),
        gid: Some(0),
        mtime: Some(1_280_000_000),
        xattrs: BTreeMap::new(),
    }
}

pub(crate) fn seen(what: &str, path: &str, line: usize, text: &str) -> Evidence {
    Evidence::new(what).in_file(place(1, path)).on_line(line).with_excerpt(text.as_bytes())
}

fn lacks<T>() -> Mitigation<T> {
    Mitigation::absent(Absence::NotRequested, vec![])
}

fn untold<T>() -> Mitigation<T> {
    Mitigation::undetermined("sections-gone", "section headers are stripped")
}

/// A MIPS program that lacks every mitigation.
pub(crate) fn binary(imports: &[&str]) -> ElfFacts {
    ElfFacts {
        bits: 32,
        endian: Endian::Big,
        machine: "mips".into(),
        abi: Some("o32".into()),
        isa: Some("mips32r2".into()),
        role: ElfRole::Executable,
        linkage: Observed::Present(Linkage::Dynamic),
        interpreter: Some("/lib/ld-uClibc.so.0".into()),
        soname: None,
        needed: vec!["libc.so.0".into()],
        libc: Mitigation::present(
            Libc { family: "uclibc".into(), version: Some("0.9.30".into()) },
            vec![Evidence::new("interpreter /lib/ld-uClibc.so.0")],
        ),
        compiler: Observed::Present(vec!["GCC: (GNU) 4.3.3".into()]),
        symbols: Observed::Present(Symbols::DynamicOnly),
        build_id: None,
        hardening: bare(),
        dangerous_imports: imports.iter().map(|name| (*name).into()).collect(),
        imports: imports.iter().map(|name| (*name).into()).collect(),
        module: None,
        damage: vec![],
    }
}

fn bare() -> Hardening {
    Hardening {
        nx: Mitigation::absent(Absence::NotEnforced, vec![Evidence::at("PT_GNU_STACK RW", 0xd4)]),
        pie: Mitigation::absent(Absence::NotRequested, vec![Evidence::at("e_type ET_EXEC", 16)]),
        relro: lacks(),
        stack_protector: Mitigation::absent(
            Absence::NotRequested,
            vec![Evidence::new("no symbol __stack_chk_fail among 214 imports")],
        ),
        fortify: Mitigation::absent(Absence::ToolchainCannot, vec![Evidence::new("uClibc")]),
        stack_clash: untold(),
        control_flow: Mitigation::absent(Absence::ArchitectureCannot, vec![]),
        search_path: Observed::Absent,
        text_relocations: Observed::Absent,
        writable_executable: Observed::Absent,
    }
}

/// A program of which nothing can be told.
pub(crate) fn hidden() -> ElfFacts {
    let reason = || Observed::undetermined("truncated", "program headers are damaged");
    ElfFacts {
        linkage: Observed::undetermined("truncated", ""),
        symbols: Observed::undetermined("truncated", ""),
        hardening: Hardening {
            nx: untold(),
            pie: untold(),
            relro: untold(),
            stack_protector: untold(),
            fortify: untold(),
            stack_clash: untold(),
            control_flow: untold(),
            search_path: reason(),
            text_relocations: Observed::undetermined("truncated", ""),
            writable_executable: Observed::undetermined("truncated", ""),
        },
        damage: vec!["program headers end after the file".into()],
        ..binary(&[])
    }
}

/// A program that has every mitigation.
pub(crate) fn hardened() -> ElfFacts {
    let share = Coverage { protected: Some(40), of: Some(41) };
    ElfFacts {
        machine: "aarch64".into(),
        hardening: Hardening {
            nx: Mitigation::present((), vec![]),
            pie: Mitigation::present((), vec![]),
            relro: Mitigation::present(Relro::Full, vec![]),
            stack_protector: Mitigation::present(share, vec![]),
            fortify: Mitigation::present(share, vec![]),
            stack_clash: Mitigation::present((), vec![]),
            control_flow: Mitigation::present(vec!["bti".into(), "pac".into()], vec![]),
            search_path: Observed::Absent,
            text_relocations: Observed::Absent,
            writable_executable: Observed::Absent,
        },
        ..binary(&["accept"])
    }
}

pub(crate) fn module() -> ElfFacts {
    ElfFacts {
        role: ElfRole::KernelModule,
        linkage: Observed::Present(Linkage::Relocatable),
        interpreter: None,
        needed: vec![],
        module: Some(ModuleInfo {
            vermagic: Some("2.6.31 mod_unload MIPS32_R2 32BIT".into()),
            license: Some("Proprietary".into()),
            name: Some("wlan".into()),
            ..ModuleInfo::default()
        }),
        ..binary(&[])
    }
}
