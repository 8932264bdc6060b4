// SPDX-License-Identifier: Apache-2.0
//! `.config` files (Documentation/kbuild/kconfig.rst) and their normalised form.

use std::collections::BTreeMap;

use kakoi_model::{ConfigSource, KernelOption, KernelVersion, Observed, escape};

use super::banner::parse_version;
use super::options::normalised;

/// More options than any kernel has (19,000 symbols in 6.12); what comes later is left out.
const MAX_OPTIONS: usize = 60_000;

/// A configuration as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Version that the first lines name.
    pub version: Option<KernelVersion>,
    /// The release that the first lines name, `CONFIG_LOCALVERSION` not added.
    pub release: Option<String>,
    /// The architecture that the first lines name: `arm`, `mips`, `x86`.
    pub arch: Option<String>,
    /// Values by name without `CONFIG_`; none for `is not set`.
    pub values: BTreeMap<String, Option<String>>,
}

/// Reads the text of a `.config`. None when it is no kernel configuration: those of BusyBox,
/// Buildroot, uClibc and U-Boot look alike, but name no kernel.
pub fn parse_config(text: &str) -> Option<Config> {
    let mut config = Config::default();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            read_comment(&mut config, comment.trim());
        } else if let Some((name, value)) =
            line.trim().strip_prefix("CONFIG_").and_then(|rest| rest.split_once('='))
        {
            insert(&mut config, name, Some(unquote(value)));
        }
    }
    let kernel = config.version.is_some()
        || ["MODULES", "MMU", "PRINTK", "HZ", "NET", "PROC_FS"]
            .iter()
            .filter(|name| config.values.contains_key(**name))
            .count()
            >= 4;
    (kernel && !config.values.is_empty()).then_some(config)
}

fn read_comment(config: &mut Config, comment: &str) {
    if let Some(name) =
        comment.strip_prefix("CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"))
    {
        insert(config, name, None);
    } else if let Some(release) = comment.strip_prefix("Linux kernel version:") {
        read_release(config, release.trim());
    } else if let Some((arch, release)) = comment
        .strip_suffix(" Kernel Configuration")
        .and_then(|rest| rest.strip_prefix("Linux/")?.split_once(' '))
    {
        config.arch = Some(escape(arch.as_bytes()));
        read_release(config, release.trim());
    }
}

fn read_release(config: &mut Config, release: &str) {
    if config.version.is_none() && config.values.is_empty() {
        config.version = parse_version(release);
        config.release = Some(escape(release.as_bytes()));
    }
}

fn insert(config: &mut Config, name: &str, value: Option<String>) {
    let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if sound && !name.is_empty() && config.values.len() < MAX_OPTIONS {
        config.values.insert(name.to_owned(), value);
    }
}

/// A value without its quotes, escaped for output.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    escape(inner.as_bytes())
}

/// The options of a configuration under their normalised names.
pub fn normalise(
    config: &Config,
    version: KernelVersion,
    source: ConfigSource,
) -> BTreeMap<String, KernelOption> {
    let mut options: BTreeMap<String, KernelOption> = BTreeMap::new();
    for (name, value) in &config.values {
        let new = normalised(name, Some(version));
        let renamed = new != name;
        let set = value.as_ref().is_some_and(|value| value != "n");
        // Two old names may have become one (a choice); the one that is set counts.
        if renamed && !set && options.contains_key(new) {
            continue;
        }
        let value = match value {
            Some(value) if value != "n" => Observed::Present(value.clone()),
            _ => Observed::Absent,
        };
        let found_as = renamed.then(|| name.clone());
        options.insert(new.to_owned(), KernelOption { value, found_as, source, witness: None });
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/mips 4.4.94 Kernel Configuration\n#\nCONFIG_MIPS=y\nCONFIG_CC_STACKPROTECTOR=y\n# CONFIG_DEBUG_RODATA is not set\nCONFIG_CMDLINE=\"console=ttyS0,115200\"\nCONFIG_HZ=100\nCONFIG_JFFS2_FS=m\n";

    #[test]
    fn a_config_is_read_with_its_version_and_normalised_names() {
        let config = parse_config(TEXT).unwrap();
        let version = KernelVersion(4, 4, 94);
        assert_eq!((config.version, config.arch.as_deref()), (Some(version), Some("mips")));
        let options = normalise(&config, version, ConfigSource::Ikconfig);
        let stack = options.get("STACKPROTECTOR").unwrap();
        assert_eq!(stack.value, Observed::Present("y".to_owned()));
        assert_eq!(stack.found_as.as_deref(), Some("CC_STACKPROTECTOR"));
        assert!(options.get("STRICT_KERNEL_RWX").unwrap().value.is_absent());
        assert_eq!(
            options.get("CMDLINE").unwrap().value,
            Observed::Present("console=ttyS0,115200".into())
        );
    }

    #[test]
    fn configurations_of_other_programs_are_not_the_kernels() {
        assert_eq!(
            parse_config("#\n# Busybox version: 1.13.4\n#\nCONFIG_HAVE_DOT_CONFIG=y\n"),
            None
        );
        assert_eq!(parse_config("CONFIG_LIBNL32=y\nCONFIG_DRIVER_WEXT=y\n"), None);
    }
}
