// SPDX-License-Identifier: Apache-2.0
//! From the record of an image to its rows. Adding a record twice changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kakoi_compare::Sketch;
use kakoi_model::{
    Component, Digest, ElfFacts, ElfRole, Facts, File, HardeningVerdict, Image, KernelFacts,
    Observed, OfContent, OpenState, Password,
};
use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::place::Place;
use crate::program::{architecture, endian, is_program, linkage, states, symbols, word};
use crate::record::Record;

/// Hashes of each sample by which contents that are alike are found.
const INDEXED: usize = 32;

/// Adds where an image was found.
pub(crate) fn add_place(rows: &Connection, image: &Digest, place: &Place) -> Result<()> {
    rows.prepare(
        "INSERT OR REPLACE INTO place SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM image WHERE digest = ?2",
    )?
    .execute(params![
        place.source,
        image.to_string(),
        place.size,
        place.modified,
        place.vendor,
        place.model,
        place.version,
        place.released,
        place.year(),
        place.url
    ])?;
    Ok(())
}

/// Adds the rows of an image, unless they are there.
pub(crate) fn add_image(rows: &Connection, record: &Record) -> Result<()> {
    let facts = &record.facts;
    let Some(image) = facts.image() else { return Ok(()) };
    let known = rows
        .prepare("SELECT id FROM image WHERE digest = ?")?
        .query_row([image.digest.to_string()], |row| row.get::<_, i64>(0))
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let id = insert_image(rows, image, facts)?;
    let contents = insert_contents(rows, facts)?;
    insert_files(rows, id, facts, &contents)?;
    insert_programs(rows, id, facts, &contents)?;
    facts.kernels().try_for_each(|kernel| insert_kernel(rows, id, kernel))?;
    facts.components().try_for_each(|component| insert_component(rows, id, component))?;
    insert_surface(rows, id, facts)?;
    for (digest, sketch) in &record.sketches {
        if let Some(content) = contents.get(digest) {
            insert_sketch(rows, *content, sketch)?;
        }
    }
    Ok(())
}

fn insert_image(rows: &Connection, image: &Image, facts: &Facts) -> Result<i64> {
    let sdk = strongest_sdk(facts);
    let kernel = facts.kernels().next().map(|kernel| kernel.facts.release.clone());
    let programs: BTreeSet<Digest> =
        facts.elves().filter(|elf| is_program(&elf.facts)).map(|elf| elf.digest).collect();
    rows.prepare(
        "INSERT INTO image(digest, name, size, same_files, architecture, sdk, sdk_family, kernel, unpacked, containers,
         problems, files, programs, tool, confined) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        image.digest.to_string(),
        image.name,
        image.size,
        same_files(image, facts).to_string(),
        main_architecture(facts),
        sdk.as_ref().map(|(vendor, _)| vendor),
        sdk.as_ref().and_then(|(_, family)| family.as_ref()),
        kernel,
        unpacked(facts),
        facts.containers().count(),
        facts.problems().count(),
        facts.files().filter(|file| file.digest().is_some()).count(),
        programs.len(),
        image.tool,
        image.confined
    ])?;
    Ok(rows.last_insert_rowid())
}

/// Images with the same files, however they are packed, are one: the digest of all digests.
fn same_files(image: &Image, facts: &Facts) -> Digest {
    let roots: BTreeSet<_> =
        facts.containers().filter(|it| it.root).map(|container| container.id).collect();
    let counts = |file: &&File| roots.is_empty() || roots.contains(&file.container);
    let digests: BTreeSet<Digest> = facts.files().filter(counts).filter_map(File::digest).collect();
    if digests.is_empty() {
        return image.digest;
    }
    let all: Vec<u8> = digests.iter().flat_map(|digest| *digest.as_bytes()).collect();
    Digest::of(&all)
}

/// Was everything opened, a part of it, or nothing?
fn unpacked(facts: &Facts) -> &'static str {
    // A program that was added alone is all that there is to see.
    let whole = facts.image().map(|image| image.digest);
    let is_program = facts.elves().any(|elf| Some(elf.digest) == whole);
    let has_files = is_program || facts.files().any(|file| file.digest().is_some());
    let is_whole = facts.containers().all(|container| container.state == OpenState::Full);
    match (has_files, is_whole) {
        (true, true) => "full",
        (true, false) => "partial",
        (false, _) if facts.kernels().next().is_some() => "partial",
        (false, _) => "nothing",
    }
}

/// The machine that most programs are for, else that of the kernel.
fn main_architecture(facts: &Facts) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let of = |elf: &&OfContent<ElfFacts>| elf.facts.role != ElfRole::Other;
    for elf in facts.elves().filter(of) {
        *counts.entry(architecture(&elf.facts)).or_default() += 1;
    }
    let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    let kernel = || facts.kernels().find_map(|kernel| kernel.facts.machine.present().cloned());
    most.map(|(name, _)| name).or_else(kernel)
}

/// The vendor of the kit whose marks weigh most, with the family that its heaviest mark names. Hints alone name no kit.
fn strongest_sdk(facts: &Facts) -> Option<(String, Option<String>)> {
    let mut weights: BTreeMap<&str, u32> = BTreeMap::new();
    for mark in facts.sdk_marks() {
        *weights.entry(&mark.vendor).or_default() += u32::from(mark.weight);
    }
    let (vendor, weight) = weights.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)))?;
    let mut families: Vec<_> = facts
        .sdk_marks()
        .filter(|mark| mark.vendor == vendor)
        .filter_map(|mark| Some((mark.weight, mark.family.clone()?)))
        .collect();
    families.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let family = families.into_iter().next().map(|(_, family)| family);
    (weight >= 2).then(|| (vendor.to_owned(), family))
}

fn insert_contents(rows: &Connection, facts: &Facts) -> Result<HashMap<Digest, i64>> {
    let kinds: HashMap<Digest, &str> =
        facts.contents().map(|content| (content.digest, content.kind.as_str())).collect();
    let mut sizes: BTreeMap<Digest, u64> = BTreeMap::new();
    for file in facts.files() {
        sizes.extend(file.digest().map(|digest| (digest, file.size())));
    }
    // The image is a content of its own: a program may be added alone.
    sizes.extend(facts.image().map(|image| (image.digest, image.size)));
    let mut insert = rows.prepare(
        "INSERT INTO content(digest, size, kind) VALUES (?,?,?) ON CONFLICT(digest) DO UPDATE SET kind = coalesce(kind, excluded.kind) RETURNING id",
    )?;
    let mut ids = HashMap::with_capacity(sizes.len());
    for (digest, size) in sizes {
        let row = params![digest.to_string(), size, kinds.get(&digest)];
        ids.insert(digest, insert.query_row(row, |row| row.get(0))?);
    }
    Ok(ids)
}

fn insert_files(
    rows: &Connection,
    image: i64,
    facts: &Facts,
    contents: &HashMap<Digest, i64>,
) -> Result<()> {
    let mut find_path = rows.prepare("SELECT id FROM path WHERE path = ?")?;
    let mut insert_path = rows.prepare("INSERT INTO path(path) VALUES (?)")?;
    let mut insert = rows.prepare("INSERT OR REPLACE INTO file VALUES (?,?,?,?)")?;
    let mut holders: BTreeMap<i64, u32> = BTreeMap::new();
    for file in facts.files() {
        let Some(content) = file.digest().and_then(|digest| contents.get(&digest)) else {
            continue;
        };
        let text = file.path.absolute();
        let found = find_path.query_row([&text], |row| row.get::<_, i64>(0)).optional()?;
        let path = match found {
            Some(path) => path,
            None => insert_path.insert([&text])?,
        };
        insert.execute((image, file.container.0, path, content))?;
        *holders.entry(*content).or_default() += 1;
    }
    if let Some(whole) = facts.image().and_then(|image| contents.get(&image.digest)) {
        holders.entry(*whole).or_insert(1);
    }
    let mut insert = rows.prepare("INSERT OR REPLACE INTO holder VALUES (?,?,?)")?;
    holders
        .iter()
        .try_for_each(|(content, places)| insert.execute((content, image, places)).map(drop))
}

fn insert_programs(
    rows: &Connection,
    image: i64,
    facts: &Facts,
    contents: &HashMap<Digest, i64>,
) -> Result<()> {
    let mut places: HashMap<Digest, u32> = HashMap::new();
    for digest in facts.files().filter_map(File::digest) {
        *places.entry(digest).or_default() += 1;
    }
    let mut link = rows.prepare("INSERT OR REPLACE INTO image_program VALUES (?,?,?)")?;
    for elf in facts.elves().filter(|elf| is_program(&elf.facts)) {
        let Some(content) = contents.get(&elf.digest) else { continue };
        insert_program(rows, *content, &elf.facts)?;
        link.execute((image, content, places.get(&elf.digest).copied().unwrap_or(1)))?;
    }
    Ok(())
}

fn insert_program(rows: &Connection, content: i64, facts: &ElfFacts) -> Result<()> {
    let states = states(facts);
    let [nx, pie, relro, full, protector, fortify, clash, flow, path] =
        states.states.map(|state| state.as_str());
    let libc = facts.libc.observed.present();
    let compiler = facts.compiler.present().map(|all| all.join("; "));
    rows.prepare(
        "INSERT OR IGNORE INTO program VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    )?
    .execute(params![
        content,
        facts.machine,
        facts.bits,
        endian(facts.endian),
        word(&facts.role),
        linkage(facts),
        libc.map(|libc| libc.family.clone()),
        libc.and_then(|libc| libc.version.clone()),
        compiler,
        symbols(facts),
        facts.soname,
        facts.build_id,
        nx,
        pie,
        relro,
        full,
        protector,
        fortify,
        clash,
        flow,
        path,
        states.why
    ])?;
    Ok(())
}

fn insert_kernel(rows: &Connection, image: i64, kernel: &OfContent<KernelFacts>) -> Result<()> {
    let (digest, facts) = (kernel.digest.to_string(), &kernel.facts);
    rows.prepare("INSERT OR REPLACE INTO kernel VALUES (?,?,?,?,?,?,?)")?.execute(params![
        image,
        digest,
        facts.release,
        facts.version.to_string(),
        facts.machine.present(),
        word(&facts.config_source),
        facts.built
    ])?;
    let mut insert =
        rows.prepare("INSERT OR REPLACE INTO kernel_hardening VALUES (?,?,?,?,?,?)")?;
    for one in &facts.hardening {
        let (verdict, found) = match &one.verdict {
            HardeningVerdict::Met => ("met", None),
            HardeningVerdict::NotMet { found } => ("not-met", Some(found)),
            HardeningVerdict::NotInVersion { .. } => ("not-in-version", None),
            HardeningVerdict::NotOnArchitecture => ("not-on-architecture", None),
            HardeningVerdict::Undetermined { .. } => ("undetermined", None),
        };
        insert.execute(params![image, digest, one.option, one.wanted, verdict, found])?;
    }
    let mut insert = rows.prepare("INSERT OR REPLACE INTO lsm VALUES (?,?,?,?,?,?,?)")?;
    for lsm in &facts.lsm {
        let [compiled, enabled, present, loaded] =
            [&lsm.compiled, &lsm.enabled, &lsm.policy_present, &lsm.policy_loaded].map(observed);
        insert.execute(params![image, digest, lsm.name, compiled, enabled, present, loaded])?;
    }
    Ok(())
}

fn observed<T>(value: &Observed<T>) -> &'static str {
    match value {
        Observed::Present(_) => "present",
        Observed::Absent => "absent",
        Observed::Undetermined(_) => "undetermined",
    }
}

fn insert_component(rows: &Connection, image: i64, component: &Component) -> Result<()> {
    let version = component.version.present().map_or("", String::as_str);
    rows.prepare("INSERT OR REPLACE INTO component VALUES (?,?,?,?,?,?,?,?,?)")?.execute(
        params![
            image,
            component.name,
            version,
            word(&component.kind),
            word(&component.source),
            component.supplier,
            component.license,
            component.purl,
            component.cpe
        ],
    )?;
    Ok(())
}

fn insert_surface(rows: &Connection, image: i64, facts: &Facts) -> Result<()> {
    let mut insert = rows.prepare("INSERT INTO start_up VALUES (?,?,?,?,?,?)")?;
    for start in facts.start_ups() {
        let program = start.program.as_ref().map(|program| program.path.absolute());
        let (how, sure) = (word(&start.mechanism), word(&start.certainty));
        insert.execute(params![image, start.command, program, how, sure, start.user])?;
    }
    let mut insert = rows.prepare("INSERT INTO account VALUES (?,?,?,?)")?;
    for account in facts.accounts() {
        let password = match &account.password {
            Password::Empty => "empty",
            Password::Locked => "locked",
            Password::Elsewhere => "elsewhere",
            Password::Hash { .. } => "hash",
            Password::ClearText { .. } => "clear-text",
        };
        insert.execute(params![image, account.name, account.uid, password])?;
    }
    let mut insert = rows.prepare("INSERT INTO sdk_mark VALUES (?,?,?,?,?)")?;
    for mark in facts.sdk_marks() {
        let evidence = mark.evidence.first().map_or("", |evidence| evidence.what.as_str());
        insert.execute(params![image, mark.vendor, mark.family, mark.weight, evidence])?;
    }
    Ok(())
}

fn insert_sketch(rows: &Connection, content: i64, sketch: &Sketch) -> Result<()> {
    let done = rows.prepare("INSERT OR IGNORE INTO sketch VALUES (?,?,?,?)")?.execute((
        content,
        blob(&sketch.code),
        blob(&sketch.texts),
        blob(&sketch.bytes),
    ))?;
    if done == 0 {
        return Ok(());
    }
    let mut insert = rows.prepare("INSERT OR IGNORE INTO sketch_hash VALUES (?,?,?)")?;
    for (kind, hashes) in [&sketch.code, &sketch.texts, &sketch.bytes].into_iter().enumerate() {
        for hash in hashes.iter().take(INDEXED) {
            insert.execute((kind, hash.cast_signed(), content))?;
        }
    }
    Ok(())
}

pub(crate) fn blob(hashes: &[u64]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect()
}

pub(crate) fn unblob(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect()
}
