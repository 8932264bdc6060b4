// SPDX-License-Identifier: Apache-2.0
//! What `.modinfo` of a kernel module says (Linux include/linux/moduleparam.h): texts
//! `name=value`, each ended by NUL.

use kakoi_model::ModuleInfo;

use super::Elf;
use super::header::ET_REL;
use super::marks::Mark;
use super::read::readable;

/// Linux include/linux/module_signature.h: the last bytes of a signed module.
const SIGNATURE_END: &[u8] = b"~Module signature appended~\n";

/// How far around `vermagic=` the other texts are looked for when the sections are lost.
const NEARBY: u64 = 4096;

/// The information of a kernel module; None when this is not one.
pub(super) fn parse_module(elf: &Elf<'_>) -> Option<ModuleInfo> {
    if elf.header.kind != ET_REL {
        return None;
    }
    let named = elf.sections.content(elf.file, b".modinfo");
    let this_module = elf.sections.named(b".gnu.linkonce.this_module").is_some();
    let info = match (named, elf.marks.first(Mark::ModuleMagic)) {
        (Some(info), _) => info,
        (None, Some(at)) => {
            let from = at.saturating_sub(NEARBY);
            elf.file.slice_up_to(from, 2 * NEARBY)
        }
        (None, None) if this_module => b"",
        (None, None) => return None,
    };
    let mut module =
        ModuleInfo { signed: elf.file.bytes().ends_with(SIGNATURE_END), ..ModuleInfo::default() };
    let mut authors = Vec::new();
    for text in info.split(|&byte| byte == 0) {
        take(&mut module, &mut authors, text);
    }
    add_authors(&mut module, &authors);
    Some(module)
}

fn take(module: &mut ModuleInfo, authors: &mut Vec<String>, text: &[u8]) {
    let Some(equals) = memchr::memchr(b'=', text) else { return };
    let (name, value) = text.split_at(equals);
    let value = readable(value.get(1..).unwrap_or_default());
    match name {
        b"vermagic" => _ = module.vermagic.get_or_insert(value),
        b"license" => _ = module.license.get_or_insert(value),
        b"version" => _ = module.version.get_or_insert(value),
        b"name" => _ = module.name.get_or_insert(value),
        b"description" => _ = module.description.get_or_insert(value),
        b"author" => authors.push(value),
        b"depends" => {
            module.depends =
                value.split(',').filter(|d| !d.is_empty()).map(str::to_owned).collect();
        }
        _ => {}
    }
}

fn add_authors(module: &mut ModuleInfo, authors: &[String]) {
    if authors.is_empty() {
        return;
    }
    let authors = authors.join(", ");
    module.description = Some(match module.description.take() {
        Some(description) => format!("{description} (by {authors})"),
        None => format!("by {authors}"),
    });
}
