// SPDX-License-Identifier: Apache-2.0
//! The system-call filter of a parsing worker, as classic BPF (kernel:
//! Documentation/userspace-api/seccomp_filter.rst).

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};

/// A filter program. Holding one proves that it checks the architecture word before the number.
pub struct Filter {
    pub(crate) program: Vec<sock_filter>,
}

impl Filter {
    /// Allows these system calls of this machine's architecture.
    fn allowing(calls: &[libc::c_long]) -> Self {
        let mut program = vec![
            load(ARCHITECTURE_OFFSET),
            jump_if_equal(AUDIT_ARCHITECTURE, 1, 0),
            answer(libc::SECCOMP_RET_KILL_PROCESS),
            load(NUMBER_OFFSET),
        ];
        for &call in calls {
            // The numbers of a native process's calls fit; x32 calls carry bit 30 and match none.
            let Ok(number) = u32::try_from(call) else { continue };
            program.push(jump_if_equal(number, 0, 1));
            program.push(answer(libc::SECCOMP_RET_ALLOW));
        }
        program.push(answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
        Self { program }
    }

    /// The instructions.
    #[must_use]
    pub fn program(&self) -> &[sock_filter] {
        &self.program
    }
}

/// What a worker needs that has its input mapped, its threads started and its output open: memory,
/// locks, its own descriptors, time, and ending. No file, socket, process, signal to others,
/// mapping of new descriptors apart from those it holds, and no change of what was given up.
#[must_use]
pub fn worker_filter() -> Filter {
    Filter::allowing(WORKER_CALLS)
}

/// The reason stands beside each group.
const WORKER_CALLS: &[libc::c_long] = &[
    // The spill file, the journal, the pipe to the parent: descriptors that are open already.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    // The allocator; the spill file's mappings.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    // Locks and the scheduler's hints, by the thread pool.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_membarrier,
    // Time, random numbers for hash maps.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    // Ending: normally, by panic (a message on standard error), by abort.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
];

/// Offset of `nr` in `struct seccomp_data` (include/uapi/linux/seccomp.h).
pub(crate) const NUMBER_OFFSET: u32 = 0;

/// Offset of `arch` there.
pub(crate) const ARCHITECTURE_OFFSET: u32 = 4;

/// `AUDIT_ARCH_X86_64` (include/uapi/linux/audit.h): EM_X86_64, 64 bits, little-endian.
#[cfg(target_arch = "x86_64")]
pub(crate) const AUDIT_ARCHITECTURE: u32 = 62 | 0x8000_0000 | 0x4000_0000;

/// `AUDIT_ARCH_AARCH64`: EM_AARCH64, 64 bits, little-endian.
#[cfg(target_arch = "aarch64")]
pub(crate) const AUDIT_ARCHITECTURE: u32 = 183 | 0x8000_0000 | 0x4000_0000;

pub(crate) const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

pub(crate) const fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset)
}

pub(crate) const fn jump_if_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(BPF_JMP | BPF_JEQ | BPF_K, then, otherwise, value)
}

pub(crate) const fn answer(action: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, 0, 0, action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_that_opens_connects_or_starts_is_in_the_list() {
        let forbidden = [
            libc::SYS_openat,
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_ptrace,
            libc::SYS_prctl,
            libc::SYS_kill,
            libc::SYS_unlinkat,
        ];
        assert!(forbidden.iter().all(|call| !WORKER_CALLS.contains(call)));
    }

    #[test]
    fn the_architecture_is_checked_before_the_number() {
        let filter = worker_filter();
        assert_eq!(filter.program()[0].k, ARCHITECTURE_OFFSET);
        assert_eq!(filter.program()[2].k, libc::SECCOMP_RET_KILL_PROCESS);
        assert!(filter.program().len() < 4096, "BPF_MAXINSNS");
    }
}
