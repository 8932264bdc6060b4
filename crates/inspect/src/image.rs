// SPDX-License-Identifier: Apache-2.0
//! One image from its files to its facts: each distinct content once, then each root file system,
//! then the image as a whole.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use kakoi_model::{
    Container, Content, Digest, ElfFacts, Fact, File, Journal, KernelFacts, OfContent, ProblemCode,
    SecretKind, StartUp,
};
use rayon::prelude::*;

use crate::component::Mark;
use crate::{Contents, Root, component, elf, kernel, start_up, surface};

/// What is inspected.
pub struct Subject<'a> {
    /// All containers.
    pub containers: &'a [Container],
    /// All entries.
    pub files: &'a [File],
    /// Every distinct content with its kind.
    pub kinds: &'a [Content],
    /// The bytes.
    pub contents: &'a dyn Contents,
    /// Contents that an earlier run did not survive.
    pub skip: &'a BTreeMap<Digest, ProblemCode>,
}

/// All facts beyond what unpacking told, in the order of `facts.jsonl`.
pub fn inspect_image(subject: &Subject<'_>, journal: &dyn Journal) -> Vec<Fact> {
    let looked = look_at_contents(subject, journal);
    let roots: Vec<Root<'_>> = subject
        .containers
        .iter()
        .filter(|container| container.root)
        .map(|container| Root::new(container.id, subject.files, subject.contents))
        .collect();
    let by_root: Vec<Vec<StartUp>> = roots.par_iter().map(start_up::find_start_ups).collect();
    assemble(subject, looked, &roots, &by_root)
}

/// What the contents say, one by one.
#[derive(Default)]
struct Looked {
    elves: HashMap<Digest, ElfFacts>,
    kernels: Vec<OfContent<KernelFacts>>,
    marks: HashMap<Digest, Vec<Mark>>,
    secrets: HashMap<Digest, Vec<(SecretKind, u64)>>,
}

/// What one content says.
struct Look {
    digest: Digest,
    elf: Option<ElfFacts>,
    kernel: Option<KernelFacts>,
    marks: Vec<Mark>,
    secrets: Vec<(SecretKind, u64)>,
}

fn look_at_contents(subject: &Subject<'_>, journal: &dyn Journal) -> Looked {
    let looks: Vec<Look> = subject
        .kinds
        .par_iter()
        .filter(|content| !subject.skip.contains_key(&content.digest))
        .filter_map(|content| look(content, subject.contents, journal))
        .collect();
    let mut looked = Looked::default();
    for look in looks {
        looked.elves.extend(look.elf.map(|facts| (look.digest, facts)));
        let kernel = look.kernel.map(|facts| OfContent { digest: look.digest, facts });
        looked.kernels.extend(kernel);
        if !look.marks.is_empty() {
            looked.marks.insert(look.digest, look.marks);
        }
        if !look.secrets.is_empty() {
            looked.secrets.insert(look.digest, look.secrets);
        }
    }
    looked
}

fn look(content: &Content, contents: &dyn Contents, journal: &dyn Journal) -> Option<Look> {
    let bytes = contents.read(&content.digest)?;
    let token = journal.begin(&content.digest, bytes.len() as u64);
    let is_code = matches!(content.kind.as_str(), "elf" | "linux-kernel" | "u-boot" | "data");
    let may_be_kernel = matches!(content.kind.as_str(), "linux-kernel")
        || (content.kind == "elf" && memchr::memmem::find(&bytes, b"Linux version ").is_some());
    let look = Look {
        digest: content.digest,
        elf: (content.kind == "elf").then(|| elf::parse_elf(&bytes)).flatten(),
        kernel: may_be_kernel.then(|| kernel::find_kernel(&bytes)).flatten(),
        marks: if is_code { component::find_marks(&bytes) } else { Vec::new() },
        // Keys inside a kernel are the test vectors of its crypto code (crypto/testmgr.h).
        secrets: if content.kind == "linux-kernel" {
            Vec::new()
        } else {
            surface::find_content_secrets(&bytes)
        },
    };
    journal.end(token);
    Some(look)
}

fn assemble(
    subject: &Subject<'_>,
    looked: Looked,
    roots: &[Root<'_>],
    by_root: &[Vec<StartUp>],
) -> Vec<Fact> {
    let Looked { elves, mut kernels, marks, secrets } = looked;
    let start_ups: Vec<StartUp> = by_root.iter().flatten().cloned().collect();
    let modules = modules(&elves);
    kernel::complete_kernels(
        &mut kernels,
        subject.files,
        roots,
        &modules,
        &start_ups,
        subject.contents,
    );
    let components = component::find_components(
        subject.files,
        roots,
        &elves,
        &marks,
        &kernels,
        subject.contents,
    );
    let loaders = boot_loaders(subject);
    let sdk_marks = surface::find_sdk_marks(roots, subject.files, &elves, &kernels, &loaders);
    let backends = kernel::find_backends(&kernels, &modules);
    let mut facts = elf_facts(elves);
    facts.extend(kernels.into_iter().map(Fact::Kernel));
    facts.extend(start_ups.into_iter().map(Fact::StartUp));
    facts.extend(components.into_iter().map(Fact::Component));
    facts.extend(roots.iter().flat_map(surface::find_accounts).map(Fact::Account));
    facts.extend(surface::find_secrets(subject.files, &secrets).into_iter().map(Fact::Secret));
    let permissions = surface::find_permissions(subject.files);
    facts.extend(permissions.into_iter().map(Fact::Permission));
    for (root, start_ups) in roots.iter().zip(by_root) {
        let listeners = surface::find_listeners(root, start_ups);
        facts.extend(listeners.into_iter().map(Fact::Listener));
    }
    facts.extend(sdk_marks.into_iter().map(Fact::SdkMark));
    for (root, start_ups) in roots.iter().zip(by_root) {
        let marks = surface::find_update_marks(root, start_ups);
        facts.extend(marks.into_iter().map(Fact::UpdateMark));
    }
    facts.extend(backends.into_iter().map(Fact::Backend));
    facts
}

fn boot_loaders(subject: &Subject<'_>) -> Vec<(Digest, Bytes)> {
    let loaders = subject.kinds.iter().filter(|content| content.kind == "u-boot");
    loaders
        .filter_map(|content| Some((content.digest, subject.contents.read(&content.digest)?)))
        .collect()
}

fn elf_facts(elves: HashMap<Digest, ElfFacts>) -> Vec<Fact> {
    let mut elves: Vec<OfContent<ElfFacts>> =
        elves.into_iter().map(|(digest, facts)| OfContent { digest, facts }).collect();
    elves.sort_by_key(|elf| elf.digest);
    elves.into_iter().map(Fact::Elf).collect()
}

fn modules(elves: &HashMap<Digest, ElfFacts>) -> Vec<(Digest, ElfFacts)> {
    let mut modules: Vec<(Digest, ElfFacts)> = elves
        .iter()
        .filter(|(_, facts)| facts.module.is_some())
        .map(|(digest, facts)| (*digest, facts.clone()))
        .collect();
    modules.sort_by_key(|(digest, _)| *digest);
    modules
}
