// SPDX-License-Identifier: Apache-2.0
//! The instruction sets that are compared, and what capstone's mnemonics mean.

use kakoi_model::Endian;
use kakoi_syscalls::isa::{A32, Decoder, Mips, MipsRevision, Thumb};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Arm,
    #[allow(dead_code, reason = "for the decoder of AArch64, once it is here")]
    Arm64,
    Mips,
}

/// One instruction set.
pub(crate) struct Set {
    /// Its name in the oracle.
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) decoder: Box<dyn Decoder>,
    /// A libc in it, from Debian's cross packages.
    pub(crate) libc: Option<&'static str>,
    /// Distance of what a read of the counter gives.
    ahead: u64,
}

/// Every set.
pub(crate) fn all() -> Vec<Set> {
    let mips = |order, wide, revision| Box::new(Mips { order, wide, revision });
    let (big, little) = (Endian::Big, Endian::Little);
    let before = MipsRevision::BeforeSix;
    let arm = |name, decoder: Box<dyn Decoder>, libc, ahead| Set {
        name,
        family: Family::Arm,
        decoder,
        libc,
        ahead,
    };
    let of_mips = |name, decoder, libc| Set { name, family: Family::Mips, decoder, libc, ahead: 0 };
    vec![
        arm(
            "a32",
            Box::new(A32 { order: little }),
            Some("/usr/arm-linux-gnueabi/lib/libc.so.6"),
            8,
        ),
        arm(
            "thumb",
            Box::new(Thumb { order: little }),
            Some("/usr/arm-linux-gnueabihf/lib/libc.so.6"),
            4,
        ),
        of_mips("mips", mips(big, false, before), Some("/usr/mips-linux-gnu/lib/libc.so.6")),
        of_mips("mipsel", mips(little, false, before), Some("/usr/mipsel-linux-gnu/lib/libc.so.6")),
        of_mips("mips64", mips(big, true, before), None),
        of_mips(
            "mips64el",
            mips(little, true, before),
            Some("/usr/mips64el-linux-gnuabi64/lib/libc.so.6"),
        ),
        of_mips("mipsel-r6", mips(little, false, MipsRevision::Six), None),
    ]
}

impl Set {
    pub(crate) fn counter(&self, address: u64) -> u64 {
        address + self.ahead
    }

    pub(crate) fn is_thumb(&self) -> bool {
        self.name == "thumb"
    }

    /// The instruction as one word, the first halfword of Thumb on top.
    pub(crate) fn word(&self, code: &[u8; 4]) -> u32 {
        let little = u32::from_le_bytes(*code);
        match self.name {
            "thumb" => little.rotate_left(16),
            "mips" | "mips64" => u32::from_be_bytes(*code),
            _ => little,
        }
    }

    /// The part of the encoding space that the word lies in, for a summary.
    pub(crate) fn area(&self, code: &[u8; 4]) -> String {
        let word = self.word(code);
        match self.family {
            Family::Arm if self.is_thumb() => {
                format!("{:02x} {}", word >> 25, word >> 12 & 15 == 15)
            }
            Family::Arm => {
                let space = if word >> 28 == 15 { "f" } else { "" };
                format!("{space}{:02x} {:x}", word >> 23 & 0x1f, word >> 4 & 9)
            }
            _ => format!("{:02x}", word >> 26),
        }
    }

    pub(crate) fn is_release_6(&self) -> bool {
        self.name.ends_with("-r6")
    }

    pub(crate) fn is_system_call(&self, mnemonic: &str) -> bool {
        match self.family {
            Family::Arm => mnemonic.starts_with("svc"),
            Family::Arm64 => mnemonic == "svc",
            Family::Mips => mnemonic == "syscall",
        }
    }

    pub(crate) fn is_stop(&self, mnemonic: &str) -> bool {
        match self.family {
            Family::Arm => matches!(mnemonic, "udf" | "bkpt" | "hlt" | "trap"),
            Family::Arm64 => matches!(mnemonic, "brk" | "hlt" | "udf"),
            Family::Mips => matches!(mnemonic, "break" | "sdbbp" | "sigrie"),
        }
    }

    pub(crate) fn is_call(&self, mnemonic: &str) -> bool {
        let is_linking = mnemonic.starts_with("jal")
            || matches!(mnemonic, "bal" | "balc")
            || mnemonic.contains("zal");
        self.family == Family::Mips && (is_linking || mnemonic == "jialc")
    }

    pub(crate) fn is_jump(&self, mnemonic: &str) -> bool {
        match self.family {
            Family::Mips => {
                let other = [
                    "baddu", "break", "bitrev", "bitswap", "balign", "bclr", "bins", "bmn", "bmz",
                    "bneg", "bsel", "bset",
                ];
                let is_branch = mnemonic.starts_with('b')
                    && !other.iter().any(|other| mnemonic.starts_with(other));
                is_branch || mnemonic.starts_with('j') || mnemonic == "eret" || mnemonic == "deret"
            }
            Family::Arm => mnemonic.starts_with("rfe"),
            Family::Arm64 => false,
        }
    }

    /// Whether a MIPS instruction's first operand, a general register, is its result.
    pub(crate) fn writes_first(&self, mnemonic: &str) -> bool {
        const READS: &[&str] = &[
            "sb", "sh", "sw", "sd", "swl", "swr", "sdl", "sdr", "mult", "multu", "div", "divu",
            "dmult", "dmultu", "ddiv", "ddivu", "mthi", "mtlo", "mtc0", "mtc1", "mtc2", "mthc1",
            "dmtc0", "dmtc1", "dmtc2", "ctc1", "ctc2", "madd", "maddu", "msub", "msubu", "teq",
            "tge", "tgeu", "tlt", "tltu", "tne", "teqi", "tgei", "tgeiu", "tlti", "tltiu", "tnei",
            "swc2", "sdc2", "lwc2", "ldc2", "j", "jr", "ctcmsa", "mtlhx", "wrdsp", "swe", "she",
            "sbe",
        ];
        let name = mnemonic.trim_end_matches(".hb");
        !(READS.contains(&name) || self.is_jump(mnemonic) || name.starts_with("cmp"))
    }
}
