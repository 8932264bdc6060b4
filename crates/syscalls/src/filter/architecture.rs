// SPDX-License-Identifier: Apache-2.0
//! The architectures that a filter can be for: what the kernel puts into `seccomp_data.arch`.

use kakoi_model::Endian;

/// One system-call ABI in one byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// x86-64, without x32.
    X86_64,
    /// i386, also as compatibility mode of x86-64.
    I386,
    /// AArch64, little-endian.
    Aarch64,
    /// 32-bit ARM (EABI), little-endian.
    Arm,
    /// 32-bit ARM (EABI), big-endian.
    Armeb,
    /// MIPS o32, big-endian.
    Mips,
    /// MIPS o32, little-endian.
    Mipsel,
    /// MIPS n64, big-endian.
    Mips64,
    /// MIPS n64, little-endian.
    Mips64el,
    /// MIPS n32, big-endian.
    Mipsn32,
    /// MIPS n32, little-endian.
    Mipsn32el,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 11] = [
        Self::X86_64,
        Self::I386,
        Self::Aarch64,
        Self::Arm,
        Self::Armeb,
        Self::Mips,
        Self::Mipsel,
        Self::Mips64,
        Self::Mips64el,
        Self::Mipsn32,
        Self::Mipsn32el,
    ];

    /// Name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::I386 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Armeb => "armeb",
            Self::Mips => "mips",
            Self::Mipsel => "mipsel",
            Self::Mips64 => "mips64",
            Self::Mips64el => "mips64el",
            Self::Mipsn32 => "mipsn32",
            Self::Mipsn32el => "mipsn32el",
        }
    }

    /// The architecture of a name; Debian's and Docker's names are understood too.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let other = match name {
            "amd64" | "x86_64" => Self::X86_64,
            "x86" | "i686" => Self::I386,
            "arm64" => Self::Aarch64,
            "armhf" | "armel" | "armv7" => Self::Arm,
            _ => return Self::ALL.into_iter().find(|architecture| architecture.name() == name),
        };
        Some(other)
    }

    /// Name of the ABI whose numbers these are, as in profiles.
    #[must_use]
    pub const fn abi(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64",
            Self::I386 => "i386",
            Self::Aarch64 => "aarch64",
            Self::Arm | Self::Armeb => "arm",
            Self::Mips | Self::Mipsel => "mips-o32",
            Self::Mips64 | Self::Mips64el => "mips-n64",
            Self::Mipsn32 | Self::Mipsn32el => "mips-n32",
        }
    }

    /// The word in `seccomp_data.arch` (include/uapi/linux/audit.h: ELF machine, 64-bit and byte-order flags).
    #[must_use]
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
            Self::Armeb => 0x0000_0028,
            Self::Mips => 0x0000_0008,
            Self::Mipsel => 0x4000_0008,
            Self::Mips64 => 0x8000_0008,
            Self::Mips64el => 0xc000_0008,
            Self::Mipsn32 => 0xa000_0008,
            Self::Mipsn32el => 0xe000_0008,
        }
    }

    /// Byte order of the data that the filter reads, and of the program in the kernel.
    #[must_use]
    pub const fn order(self) -> Endian {
        match self {
            Self::Armeb | Self::Mips | Self::Mips64 | Self::Mipsn32 => Endian::Big,
            _ => Endian::Little,
        }
    }

    /// Whether arguments are 64 bits wide. Otherwise the kernel looks at their lower word only, and so does the filter.
    #[must_use]
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::X86_64 | Self::Aarch64 | Self::Mips64 | Self::Mips64el)
    }

    /// `ENOSYS`, which MIPS numbers in its own way (arch/mips/include/uapi/asm/errno.h).
    #[must_use]
    pub const fn no_such_call(self) -> u16 {
        match self.is_mips() {
            true => 89,
            false => 38,
        }
    }

    const fn is_mips(self) -> bool {
        self.audit() & 0xffff == 8
    }

    /// Numbers from here on belong to another ABI that shares the architecture word (x32).
    #[must_use]
    pub const fn foreign_numbers(self) -> Option<u32> {
        match self {
            Self::X86_64 => Some(0x4000_0000),
            _ => None,
        }
    }
}
