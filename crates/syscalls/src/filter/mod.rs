// SPDX-License-Identifier: Apache-2.0
//! Seccomp filters: from the calls that a profile allows to a classic BPF program, for any architecture on any machine.
//!
//! [`Rules`] say what a filter shall do; [`Rules::verdict`] is the specification; [`compile`] makes the program, and
//! [`Program::run`] interprets one as the kernel does (Documentation/userspace-api/seccomp_filter.rst,
//! kernel/seccomp.c, net/core/filter.c). Numbers and names of calls come from outside.
//!
//! What a filter cannot see: memory that an argument points to (paths, `clone3`'s flags), calls that the vDSO answers without
//! the kernel, and on x86-64 `uretprobe` and `uprobe`, which Linux from 6.11 on lets pass (kernel/seccomp.c).

mod always;
mod architecture;
mod arguments;
mod assemble;
mod compile;
mod family;
mod interpret;
mod program;
mod rules;
mod segment;
mod selection;

pub use always::{ARM_PRIVATE, Essential, essentials};
pub use architecture::Architecture;
pub use compile::{Budget, TooLong, compile};
pub use family::{FAMILIES, multiplexed};
pub use interpret::{Data, Run};
pub use program::{Instruction, Malformed, Program};
pub use rules::{Action, CallRule, Check, Rules};
pub use selection::{Added, Selection, Table};
