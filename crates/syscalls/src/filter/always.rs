// SPDX-License-Identifier: Apache-2.0
//! Calls that are in every filter, because the kernel or the start of any program makes them, whatever the program does.

use super::Architecture;

/// A call that every process needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Essential {
    /// Name.
    pub name: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// ARM's private calls, which no table of call names has (arch/arm/include/uapi/asm/unistd.h, base 0xf0000).
pub const ARM_PRIVATE: &[(&str, u32)] = &[("cacheflush", 0xf_0002), ("set_tls", 0xf_0005)];

const EVERYWHERE: &[Essential] = &[
    Essential { name: "rt_sigreturn", reason: "the way back from every signal handler" },
    Essential { name: "exit", reason: "a thread ends" },
    Essential { name: "exit_group", reason: "the process ends, also by a fault in its libc" },
    Essential {
        name: "restart_syscall",
        reason: "the kernel makes it when a sleeping call was interrupted",
    },
];

const OLD_SIGNALS: Essential =
    Essential { name: "sigreturn", reason: "the way back from a signal handler of the old kind" };

/// What every process of the architecture needs.
#[must_use]
pub fn essentials(architecture: Architecture) -> Vec<Essential> {
    use Architecture::{
        Arm, Armeb, I386, Mips, Mips64, Mips64el, Mipsel, Mipsn32, Mipsn32el, X86_64,
    };
    let thread = |name| Essential {
        name,
        reason: "where thread-local storage is, before the first line of the program",
    };
    let own: &[Essential] = match architecture {
        X86_64 => &[thread("arch_prctl")],
        I386 => &[OLD_SIGNALS, thread("set_thread_area")],
        Arm | Armeb => &[
            OLD_SIGNALS,
            thread("set_tls"),
            Essential { name: "cacheflush", reason: "nested functions and generated code" },
        ],
        Mips | Mipsel => &[OLD_SIGNALS, thread("set_thread_area")],
        Mips64 | Mips64el | Mipsn32 | Mipsn32el => &[thread("set_thread_area")],
        Architecture::Aarch64 => &[],
    };
    EVERYWHERE.iter().chain(own).copied().collect()
}
