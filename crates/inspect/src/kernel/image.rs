// SPDX-License-Identifier: Apache-2.0
//! What the rest of an image tells of its kernels: configuration files and modules.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use flate2::bufread::GzDecoder;
use kakoi_model::{
    ConfigSource, Digest, ElfFacts, Evidence, File, FileRef, KernelFacts, Observed, OfContent,
};

use super::banner::parse_version;
use super::config::{Config, normalise, parse_config};
use super::ikconfig::find_ikconfig;
use super::infer::{from_vermagic, present};
use super::options::{arch_words, option_of_module};
use crate::Contents;

/// The largest Debian configuration has 310 KB.
const MAX_CONFIG_BYTES: u64 = 8 << 20;
/// Files that are looked at as configurations; a source archive has a thousand.
const MAX_CANDIDATES: usize = 4096;

/// A configuration file of the image.
struct Candidate {
    place: FileRef,
    /// Release in the file name: `config-5.10.0-32-armmp`.
    named: Option<String>,
    config: Config,
}

/// Gives kernels that carry no configuration the one that lies beside them.
pub(super) fn apply_configs(
    kernels: &mut [OfContent<KernelFacts>],
    files: &[File],
    contents: &dyn Contents,
) {
    if kernels.iter().all(|kernel| kernel.facts.config_source != ConfigSource::Inferred) {
        return;
    }
    let candidates = find_candidates(files, contents);
    for kernel in kernels.iter_mut().map(|kernel| &mut kernel.facts) {
        if kernel.config_source != ConfigSource::Inferred {
            continue;
        }
        let Some(candidate) = choose(kernel, &candidates) else { continue };
        let source = ConfigSource::ConfigFile;
        kernel.options = normalise(&candidate.config, kernel.version, source);
        kernel.config_source = source;
        let evidence = Evidence::new("configuration file").in_file(candidate.place.clone());
        kernel.evidence.push(evidence);
    }
}

fn find_candidates(files: &[File], contents: &dyn Contents) -> Vec<Candidate> {
    let mut read: HashMap<Digest, Option<Config>> = HashMap::new();
    let likely = files.iter().filter(|file| is_likely(file) && file.size() <= MAX_CONFIG_BYTES);
    likely
        .take(MAX_CANDIDATES)
        .filter_map(|file| {
            let digest = file.digest()?;
            let config = read.entry(digest).or_insert_with(|| read_config(digest, contents));
            let named = String::from_utf8_lossy(file.path.file_name()).into_owned();
            let named =
                named.strip_prefix("config-").map(str::to_owned).or_else(|| modules_folder(file));
            Some(Candidate { place: file.place(), named, config: config.clone()? })
        })
        .collect()
}

/// `config-*`, `.config`, `config.gz`, `*.config`, and `config` beside modules.
fn is_likely(file: &File) -> bool {
    let name = file.path.file_name();
    name.starts_with(b"config-")
        || name.ends_with(b".config")
        || name == b"config.gz"
        || name.starts_with(b".config")
        || name == b"config" && modules_folder(file).is_some()
}

/// The release in `lib/modules/RELEASE/config`.
fn modules_folder(file: &File) -> Option<String> {
    let folder = file.path.parent()?;
    let above = folder.parent()?;
    (above.file_name() == b"modules")
        .then(|| String::from_utf8_lossy(folder.file_name()).into_owned())
}

fn read_config(digest: Digest, contents: &dyn Contents) -> Option<Config> {
    let raw = contents.read(&digest)?;
    if raw.starts_with(b"\x1f\x8b") {
        let mut text = Vec::new();
        GzDecoder::new(&raw[..]).take(MAX_CONFIG_BYTES).read_to_end(&mut text).ok()?;
        return parse_config(&String::from_utf8_lossy(&text));
    }
    parse_config(&String::from_utf8_lossy(&raw))
}

/// The file that names this very release; else the only one of this version and architecture that
/// what was seen in the kernel does not contradict. A source archive holds those of many boards.
fn choose<'a>(kernel: &KernelFacts, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
    let sound = |candidate: &&Candidate| agrees(kernel, &candidate.config);
    let exact = |candidate: &&Candidate| {
        candidate.named.as_deref() == Some(&kernel.release)
            || candidate.config.release.as_deref() == Some(&kernel.release)
    };
    if let Some(found) = only(candidates.iter().filter(exact).filter(sound)) {
        return Some(found);
    }
    let near = |candidate: &&Candidate| {
        candidate.named.is_none() && candidate.config.version == Some(kernel.version)
    };
    only(candidates.iter().filter(near).filter(sound))
}

/// The first, if all have the same values.
fn only<'a>(mut all: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    let first = all.next()?;
    all.all(|other| other.config.values == first.config.values).then_some(first)
}

/// Is the architecture the same, and at most one in twenty inferred options different?
fn agrees(kernel: &KernelFacts, config: &Config) -> bool {
    let machine = kernel.machine.present().map(String::as_str);
    if let (Some(machine), Some(arch)) = (machine, config.arch.as_deref()) {
        let arch = if arch == "x86_64" { "x86-64" } else { arch };
        if !arch_words(machine).contains(&arch) {
            return false;
        }
    }
    let options = normalise(config, kernel.version, ConfigSource::ConfigFile);
    let differs = |name: &String, value: &Observed<String>| {
        let there = options.get(name).is_some_and(|option| option.value.is_present());
        there != value.is_present()
    };
    let wrong = kernel.options.iter().filter(|(name, option)| differs(name, &option.value)).count();
    wrong * 20 <= kernel.options.len()
}

/// Modules tell what is `m`, and their magic tells of the kernel that they are for.
pub(super) fn apply_modules(
    kernels: &mut Vec<OfContent<KernelFacts>>,
    files: &[File],
    modules: &[(Digest, ElfFacts)],
) {
    let mut names: HashMap<Digest, &File> = HashMap::new();
    for file in files {
        if let Some(digest) = file.digest() {
            names.entry(digest).or_insert(file);
        }
    }
    let mut by_release: BTreeMap<&str, Vec<&(Digest, ElfFacts)>> = BTreeMap::new();
    for module in modules {
        let magic = module.1.module.as_ref().and_then(|info| info.vermagic.as_deref());
        if let Some(release) = magic.and_then(|magic| magic.split_ascii_whitespace().next()) {
            by_release.entry(release).or_default().push(module);
        }
    }
    for (release, own) in by_release {
        if !kernels.iter().any(|kernel| kernel.facts.release == release) {
            kernels.extend(from_modules(release, &own, &names));
        }
        let facts = kernels.iter_mut().map(|kernel| &mut kernel.facts);
        for kernel in facts.filter(|kernel| kernel.release == release) {
            if kernel.config_source == ConfigSource::Inferred {
                add_modules(kernel, &own, &names);
            }
        }
    }
}

/// Where `CONFIG_IKCONFIG` is `m`, the configuration lies in the module `configs`.
pub(super) fn apply_config_modules(
    kernels: &mut [OfContent<KernelFacts>],
    files: &[File],
    contents: &dyn Contents,
) {
    for file in files.iter().filter(|file| is_config_module(file)) {
        let Some(content) = file.digest().and_then(|digest| contents.read(&digest)) else {
            continue;
        };
        let Some((at, text)) = find_ikconfig(&content) else { continue };
        let Some(config) = parse_config(&String::from_utf8_lossy(&text)) else { continue };
        let release = crate::elf::parse_elf(&content).and_then(|elf| elf.module?.vermagic);
        let release = release.as_deref().and_then(|magic| magic.split_ascii_whitespace().next());
        for kernel in kernels.iter_mut().map(|kernel| &mut kernel.facts) {
            if release != Some(&kernel.release) || kernel.config_source == ConfigSource::Ikconfig {
                continue;
            }
            kernel.options = normalise(&config, kernel.version, ConfigSource::Ikconfig);
            kernel.config_source = ConfigSource::Ikconfig;
            let evidence = Evidence::at("IKCONFIG", at as u64).in_file(file.place());
            kernel.evidence.push(evidence);
        }
    }
}

fn is_config_module(file: &File) -> bool {
    let name = file.path.file_name();
    (name == b"configs.ko" || name.starts_with(b"configs.ko.")) && file.size() <= MAX_CONFIG_BYTES
}

fn add_modules(
    kernel: &mut KernelFacts,
    modules: &[&(Digest, ElfFacts)],
    files: &HashMap<Digest, &File>,
) {
    for (digest, facts) in modules.iter().copied() {
        let Some(info) = &facts.module else { continue };
        if let Some(magic) = &info.vermagic {
            from_vermagic(&mut kernel.options, magic, kernel.version);
        }
        let named = files.get(digest).map(|file| String::from_utf8_lossy(file.path.file_name()));
        let name = named
            .and_then(|name| name.split_once(".ko").map(|(stem, _)| stem.to_owned()))
            .or_else(|| info.name.clone());
        let Some(name) = name.map(|name| name.replace('-', "_")) else { continue };
        if let Some(option) = option_of_module(&name) {
            present(&mut kernel.options, option, "m", &format!("module {name}"));
        }
    }
}

/// A kernel that only its modules tell of.
fn from_modules(
    release: &str,
    modules: &[&(Digest, ElfFacts)],
    files: &HashMap<Digest, &File>,
) -> Option<OfContent<KernelFacts>> {
    let version = parse_version(release)?;
    let (digest, facts) = modules.iter().min_by_key(|(digest, _)| *digest)?;
    let magic = facts.module.as_ref()?.vermagic.clone()?;
    let mut evidence = Evidence::new("module magic").with_excerpt(magic.as_bytes());
    evidence.file = files.get(digest).map(|file| file.place());
    let kernel = KernelFacts {
        banner: String::new(),
        release: kakoi_model::escape(release.as_bytes()),
        version,
        compiler: None,
        built: None,
        machine: Observed::Present(facts.machine.clone()),
        options: BTreeMap::new(),
        config_source: ConfigSource::Inferred,
        kallsyms: None,
        command_line: None,
        hardening: Vec::new(),
        lsm: Vec::new(),
        evidence: vec![evidence],
    };
    Some(OfContent { digest: *digest, facts: kernel })
}

/// A boot image that is still compressed and the kernel that came out of it are one kernel.
pub(super) fn drop_headers_of_known(kernels: &mut Vec<OfContent<KernelFacts>>) {
    let known: Vec<String> = kernels
        .iter()
        .filter(|kernel| !kernel.facts.options.is_empty())
        .map(|kernel| kernel.facts.release.clone())
        .collect();
    kernels.retain(|kernel| {
        !kernel.facts.options.is_empty() || !known.contains(&kernel.facts.release)
    });
}
