// SPDX-License-Identifier: Apache-2.0
//! Linux kernels: version, configuration, security modules, and which defence fits them.

mod backends;
mod banner;
mod command_line;
mod config;
mod hardening;
mod ikconfig;
mod image;
mod infer;
mod kallsyms;
mod lsm;
mod machine;
mod options;
mod policy;
mod words;

use kakoi_model::{
    BackendFit, ConfigSource, Digest, ElfFacts, Evidence, File, KernelFacts, KernelVersion,
    Observed, OfContent, StartUp,
};

use crate::{Contents, Root};

pub use config::{Config, normalise as normalise_config, parse_config};
pub use kallsyms::Symbol;

/// Looks for a kernel in one content (raw, decompressed, or an ELF `vmlinux`): banner, IKCONFIG,
/// kallsyms, inference. None when it holds no kernel. Programs that merely print a kernel banner
/// (`/proc/version` text, strace output) are not kernels.
///
/// An x86 boot image that is still compressed tells its version only (offset 0x20e of its header).
pub fn find_kernel(content: &[u8]) -> Option<KernelFacts> {
    let Some(banner) = banner::find_banner(content) else { return from_boot_header(content) };
    let machine = machine::find_machine(content);
    let width = machine.as_ref().map_or(kallsyms::Width::Unknown, |machine| machine.width);
    let kallsyms = kallsyms::find_kallsyms(content, width);
    let mut evidence = vec![Evidence::at("banner", banner.offset as u64)];
    if let Some(table) = &kallsyms {
        evidence.push(Evidence::at("symbol table", table.offset as u64));
    }
    let ikconfig = ikconfig::find_ikconfig(content).and_then(|(at, text)| {
        let config = config::parse_config(&String::from_utf8_lossy(&text))?;
        evidence.push(Evidence::at("IKCONFIG", at as u64));
        Some(config)
    });
    let (options, source) = match &ikconfig {
        Some(config) => {
            let source = ConfigSource::Ikconfig;
            (config::normalise(config, banner.version, source), source)
        }
        None => {
            let sight = infer::Sight {
                content,
                banner: &banner,
                machine: machine.as_ref(),
                kallsyms: kallsyms.as_ref(),
            };
            (infer::infer(&sight), ConfigSource::Inferred)
        }
    };
    let line = command_line::find_command_line(content);
    evidence.extend(line.iter().map(|(at, _)| Evidence::at("command line", *at as u64)));
    let mut kernel = blank(banner, machine, evidence);
    kernel.options = options;
    kernel.config_source = source;
    kernel.kallsyms = kallsyms.and_then(|table| u32::try_from(table.symbols.len()).ok());
    kernel.command_line = line.map(|(_, line)| line).or_else(|| configured_line(&kernel.options));
    judge(&mut kernel);
    Some(kernel)
}

fn from_boot_header(content: &[u8]) -> Option<KernelFacts> {
    let (banner, wide) = banner::find_boot_header(content)?;
    let evidence = vec![Evidence::at("version in the boot header", banner.offset as u64)];
    let machine = machine::boot_image(wide);
    let mut kernel = blank(banner, Some(machine), evidence);
    judge(&mut kernel);
    Some(kernel)
}

/// A kernel of which only the banner and the machine are known.
fn blank(
    banner: banner::Banner,
    machine: Option<machine::Machine>,
    mut evidence: Vec<Evidence>,
) -> KernelFacts {
    let name = machine.as_ref().map(|machine| machine.name.to_owned());
    evidence.extend(machine.map(|machine| machine.evidence));
    KernelFacts {
        banner: banner.text,
        release: banner.release,
        version: banner.version,
        compiler: banner.compiler,
        built: banner.built,
        machine: name.map_or_else(
            || Observed::undetermined("no-mark", "no header and no usual instructions tell"),
            Observed::Present,
        ),
        options: std::collections::BTreeMap::new(),
        config_source: ConfigSource::Inferred,
        kallsyms: None,
        command_line: None,
        hardening: Vec::new(),
        lsm: Vec::new(),
        evidence,
    }
}

fn configured_line(options: &infer::Options) -> Option<String> {
    options.get("CMDLINE")?.value.present().filter(|line| !line.is_empty()).cloned()
}

/// Derives what follows from the options.
fn judge(kernel: &mut KernelFacts) {
    let machine = kernel.machine.present().map(String::as_str);
    kernel.hardening =
        hardening::derive_hardening(&kernel.options, kernel.config_source, kernel.version, machine);
    kernel.lsm = lsm::derive_lsm(&lsm::Kernel {
        options: &kernel.options,
        source: kernel.config_source,
        version: kernel.version,
        command_line: kernel.command_line.as_deref(),
    });
}

/// The configuration that a decompressed kernel carries (`CONFIG_IKCONFIG`), byte for byte what the
/// kernel's `extract-ikconfig` prints.
pub fn parse_ikconfig(content: &[u8]) -> Option<Vec<u8>> {
    ikconfig::find_ikconfig(content).map(|(_, config)| config)
}

/// The kernel's own symbol table, in the order of addresses.
pub fn parse_kallsyms(content: &[u8]) -> Option<Vec<Symbol>> {
    let width = machine::find_machine(content).map_or(kallsyms::Width::Unknown, |m| m.width);
    kallsyms::find_kallsyms(content, width).map(|table| table.symbols)
}
/// Hardening options that mainline kernels of this version do not have on this machine (in the
/// words of `ElfFacts::machine`).
pub fn missing_options(machine: &str, version: KernelVersion) -> Vec<String> {
    hardening::derive_hardening(
        &infer::Options::new(),
        ConfigSource::Inferred,
        version,
        Some(machine),
    )
    .into_iter()
    .filter(|one| !matches!(one.verdict, kakoi_model::HardeningVerdict::Undetermined { .. }))
    .map(|one| one.option)
    .collect()
}

/// What the whole image adds to its kernels: configurations in files (`/boot/config-*`,
/// `/proc/config.gz`, `.config` of a source archive), modules and their vermagic, LSM policies and
/// what loads them. When modules name a kernel that the image does not hold, a kernel known only
/// by them is added.
pub fn complete_kernels(
    kernels: &mut Vec<OfContent<KernelFacts>>,
    files: &[File],
    roots: &[Root<'_>],
    modules: &[(Digest, ElfFacts)],
    start_ups: &[StartUp],
    contents: &dyn Contents,
) {
    image::drop_headers_of_known(kernels);
    image::apply_modules(kernels, files, modules);
    image::apply_config_modules(kernels, files, contents);
    image::apply_configs(kernels, files, contents);
    for kernel in kernels.iter_mut().map(|kernel| &mut kernel.facts) {
        if kernel.command_line.is_none() {
            kernel.command_line = configured_line(&kernel.options);
        }
        judge(kernel);
        policy::complete_lsm(&mut kernel.lsm, roots, start_ups);
    }
}

/// Which defence of kakoi fits the image.
pub fn find_backends(
    kernels: &[OfContent<KernelFacts>],
    modules: &[(Digest, ElfFacts)],
) -> Vec<BackendFit> {
    backends::derive_backends(kernels, modules)
}
