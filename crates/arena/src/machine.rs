// SPDX-License-Identifier: Apache-2.0
//! The machines that QEMU makes, and which of them an image runs on.

use std::collections::BTreeMap;

use kakoi_model::{ContainerId, Digest, ElfFacts, ElfRole, Endian, Facts};

use crate::Error;
use crate::debian::{Index, Pattern};

/// A machine with its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Debian's name of the architecture; `mips` is big-endian, which Debian has no kernel for.
    pub name: &'static str,
    /// The kernel's name of it (`ARCH=`).
    pub kernel: &'static str,
    /// Prefix of the cross tools; empty for the host's own.
    pub cross: &'static str,
    /// More flags of the compiler for programs of guests.
    pub flags: &'static [&'static str],
    /// Name of the kernel's package: before and after the number of the build; none: built from source.
    pub package: Option<Pattern>,
    /// Suites of Debian that are looked in, oldest first.
    pub suites: &'static [&'static str],
    /// QEMU's program and machine.
    pub qemu: &'static [&'static str],
    /// Device of the console.
    pub console: &'static str,
    /// Network card, for a person who looks around.
    pub card: &'static str,
}

impl Machine {
    /// Where its packages are looked for. Big-endian MIPS has none: what it needs is for all architectures.
    #[must_use]
    pub fn index(&self) -> Index {
        let architecture = if self.package.is_some() { self.name } else { "amd64" };
        Index { architecture, suites: self.suites }
    }
}

const BOOKWORM: &[&str] = &["bookworm"];

/// All machines.
pub const MACHINES: &[Machine] = &[
    Machine {
        name: "mipsel",
        kernel: "mips",
        cross: "mipsel-linux-gnu-",
        flags: &[],
        package: Some(("linux-image-6.1.0-", "-4kc-malta")),
        suites: BOOKWORM,
        qemu: &["qemu-system-mipsel", "-cpu", "24Kf", "-M", "malta"],
        console: "ttyS0",
        card: "e1000",
    },
    Machine {
        name: "mips",
        kernel: "mips",
        cross: "mips-linux-gnu-",
        flags: &[],
        package: None,
        suites: BOOKWORM,
        qemu: &["qemu-system-mips", "-cpu", "24Kf", "-M", "malta"],
        console: "ttyS0",
        card: "e1000",
    },
    Machine {
        name: "armhf",
        kernel: "arm",
        cross: "arm-linux-gnueabihf-",
        flags: &[],
        package: Some(("linux-image-6.1.0-", "-armmp")),
        suites: BOOKWORM,
        qemu: &["qemu-system-arm", "-cpu", "cortex-a15", "-M", "virt,highmem=off"],
        console: "ttyAMA0",
        card: "e1000",
    },
    Machine {
        name: "arm64",
        kernel: "arm64",
        cross: "aarch64-linux-gnu-",
        flags: &[],
        package: Some(("linux-image-6.12.", "+deb12-cloud-arm64")),
        suites: &["bookworm-backports"],
        qemu: &["qemu-system-aarch64", "-cpu", "cortex-a57", "-M", "virt"],
        console: "ttyAMA0",
        card: "virtio-net-pci",
    },
    Machine {
        name: "amd64",
        kernel: "x86",
        cross: "",
        flags: &[],
        package: Some(("linux-image-6.1.0-", "-cloud-amd64")),
        suites: BOOKWORM,
        // QEMU 7.2 can leave wrong flags behind a 16-byte compare-and-exchange.
        qemu: &["qemu-system-x86_64", "-cpu", "max,cx16=off", "-M", "q35"],
        console: "ttyS0",
        card: "virtio-net-pci",
    },
];

/// The machine of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Machine> {
    MACHINES.iter().find(|machine| machine.name == name)
}

/// The machine that most programs of a root file system are for.
///
/// # Errors
/// There are no programs, or they are for a processor without a machine here.
pub fn choose(facts: &Facts, root: ContainerId) -> Result<&'static Machine, Error> {
    let mut kinds: BTreeMap<String, (usize, Option<&'static Machine>)> = BTreeMap::new();
    let elves: BTreeMap<Digest, &ElfFacts> =
        facts.elves().map(|elf| (elf.digest, &elf.facts)).collect();
    let files = facts.files().filter(|file| file.container == root);
    for elf in files.filter_map(|file| elves.get(&file.digest()?)) {
        if elf.role == ElfRole::KernelModule {
            continue;
        }
        let entry = kinds.entry(describe(elf)).or_insert((0, fitting(elf)));
        entry.0 += 1;
    }
    let most = kinds.iter().max_by_key(|(_, (count, _))| *count);
    match most {
        Some((_, (_, Some(machine)))) => Ok(machine),
        Some((kind, (count, None))) => Err(Error::Image(format!(
            "its {count} programs are for {kind}: there is no machine for that"
        ))),
        None => Err(Error::Image("its root file system holds no programs".to_owned())),
    }
}

fn describe(elf: &ElfFacts) -> String {
    let order = if elf.endian == Endian::Big { "big-endian" } else { "little-endian" };
    let abi = elf.abi.as_deref().unwrap_or_default();
    format!("{} {} bits {order} {abi}", elf.machine, elf.bits)
}

fn fitting(elf: &ElfFacts) -> Option<&'static Machine> {
    let little = elf.endian == Endian::Little;
    match (elf.machine.as_str(), elf.bits, little) {
        ("mips", 32, true) => named("mipsel"),
        ("mips", 32, false) => named("mips"),
        ("arm", 32, true) if elf.abi.as_deref() != Some("oabi") => named("armhf"),
        ("aarch64", 64, true) => named("arm64"),
        ("x86-64", 64, true) => named("amd64"),
        _ => None,
    }
}
