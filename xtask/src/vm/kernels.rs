// SPDX-License-Identifier: Apache-2.0
//! The kernels that are booted: Debian packages, found by name, and the machine that QEMU makes for each.

use anyhow::Context;
use kakoi_arena::debian::{Index, Pattern};

/// A processor architecture, under the names that its tools have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// Debian's name.
    pub name: &'static str,
    /// The kernel's name (`ARCH=`).
    pub kernel: &'static str,
    /// Prefix of the cross tools; empty for the host's own.
    pub cross: &'static str,
    /// Suites of Debian that have packages for it which we use, oldest first.
    pub suites: &'static [&'static str],
    /// QEMU's program and machine.
    pub qemu: &'static [&'static str],
    /// The console's device.
    pub console: &'static str,
    /// Processors that a guest may have where threads are to race: Debian's Malta kernels know of one.
    pub processors: u32,
    /// Words that its kernels get on their command line.
    pub append: &'static str,
    /// File name of the dynamic loader.
    pub loader: &'static str,
}

impl Architecture {
    /// Where its packages are looked for.
    pub fn index(&self) -> Index {
        Index { architecture: self.name, suites: self.suites }
    }
}

const RECENT: &[&str] = &["bullseye", "bookworm", "bookworm-backports", "trixie", "sid"];
const BOOKWORM: &[&str] = &["bookworm", "bookworm-backports"];

pub const AMD64: Architecture = Architecture {
    name: "amd64",
    kernel: "x86",
    cross: "",
    suites: RECENT,
    // QEMU 7.2 can leave wrong flags behind a 16-byte compare-and-exchange, and 6.12 then double-faults in its allocator.
    qemu: &["qemu-system-x86_64", "-cpu", "max,cx16=off", "-M", "q35"],
    console: "ttyS0",
    // On a busy host the kernel's trial of its timer fails, and it gives up.
    append: "no_timer_check",
    processors: 2,
    loader: "ld-linux-x86-64.so.2",
};

pub const ARM64: Architecture = Architecture {
    name: "arm64",
    kernel: "arm64",
    cross: "aarch64-linux-gnu-",
    suites: RECENT,
    qemu: &["qemu-system-aarch64", "-cpu", "cortex-a57", "-M", "virt"],
    console: "ttyAMA0",
    append: "",
    processors: 2,
    loader: "ld-linux-aarch64.so.1",
};

pub const ARMHF: Architecture = Architecture {
    name: "armhf",
    kernel: "arm",
    cross: "arm-linux-gnueabihf-",
    suites: BOOKWORM,
    qemu: &["qemu-system-arm", "-cpu", "cortex-a15", "-M", "virt,highmem=off"],
    loader: "ld-linux-armhf.so.3",
    ..ARM64
};

pub const MIPSEL: Architecture = Architecture {
    name: "mipsel",
    kernel: "mips",
    cross: "mipsel-linux-gnu-",
    suites: BOOKWORM,
    qemu: &["qemu-system-mipsel", "-cpu", "24Kf", "-M", "malta"],
    console: "ttyS0",
    append: "",
    processors: 1,
    loader: "ld.so.1",
};

pub const MIPS64EL: Architecture = Architecture {
    name: "mips64el",
    cross: "mips64el-linux-gnuabi64-",
    qemu: &["qemu-system-mips64el", "-cpu", "MIPS64R2-generic", "-M", "malta"],
    ..MIPSEL
};

/// A kernel to boot.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Our name: architecture and series.
    pub name: &'static str,
    pub architecture: Architecture,
    /// Names of its package, `*` for the build number: the newest that can be had is taken.
    pub package: Pattern,
    /// The network card that its modules drive.
    pub card: &'static str,
}

/// The matrix: issue 4, "Must hold" 3.
pub const KERNELS: &[Kernel] = &[
    debian("amd64-5.10", AMD64, ("linux-image-5.10.0-", "-cloud-amd64")),
    debian("amd64-6.1", AMD64, ("linux-image-6.1.0-", "-cloud-amd64")),
    debian("amd64-6.12", AMD64, ("linux-image-6.12.", "+deb12-cloud-amd64")),
    debian("amd64-new", AMD64, ("linux-binary-7.", "-cloud-amd64")),
    debian("arm64-5.10", ARM64, ("linux-image-5.10.0-", "-cloud-arm64")),
    debian("arm64-6.1", ARM64, ("linux-image-6.1.0-", "-cloud-arm64")),
    debian("arm64-6.12", ARM64, ("linux-image-6.12.", "+deb12-cloud-arm64")),
    debian("arm64-new", ARM64, ("linux-binary-7.", "-cloud-arm64")),
    debian("armhf-6.1", ARMHF, ("linux-image-6.1.0-", "-armmp")),
    debian("armhf-6.12", ARMHF, ("linux-image-6.12.", "+deb12-armmp")),
    debian("mipsel-6.1", MIPSEL, ("linux-image-6.1.0-", "-4kc-malta")),
    debian("mips64el-6.1", MIPS64EL, ("linux-image-6.1.0-", "-5kc-malta")),
    debian("mips64el-6.12", MIPS64EL, ("linux-image-6.12.", "-5kc-malta")),
];

const fn debian(name: &'static str, architecture: Architecture, package: Pattern) -> Kernel {
    let cloud = matches!(architecture.name.as_bytes(), b"amd64" | b"arm64");
    let card = if cloud { "virtio-net-pci" } else { "e1000" };
    Kernel { name, architecture, package, card }
}

impl Kernel {
    /// Of arm64: before 6.4 nothing can be attached to its functions.
    pub fn is_before_direct_calls(&self) -> bool {
        self.name.ends_with("-5.10") || self.name.ends_with("-6.1")
    }
}

/// The kernel of that name.
pub fn named(name: &str) -> anyhow::Result<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.name == name).with_context(|| {
        let known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
        format!("no kernel {name}; there are: {}", known.join(" "))
    })
}
