// SPDX-License-Identifier: Apache-2.0
//! Resource limits of a worker (setrlimit(2)).

use std::io;

/// Limits; exceeding one ends the worker, and the parent says which content it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits {
    /// Bytes of private writable memory (`RLIMIT_DATA`). Mapped files do not count.
    pub heap_bytes: u64,
    /// Bytes that one file may grow to (`RLIMIT_FSIZE`): the spill file.
    pub file_bytes: u64,
    /// Open descriptors (`RLIMIT_NOFILE`).
    pub descriptors: u64,
}

/// Applies limits to this process, and forbids core dumps: they would hold the image's secrets.
///
/// # Errors
/// When the kernel refuses, for example because a hard limit is lower.
pub fn limit_resources(limits: ResourceLimits) -> io::Result<()> {
    limit(libc::RLIMIT_DATA, limits.heap_bytes)?;
    limit(libc::RLIMIT_FSIZE, limits.file_bytes)?;
    limit(libc::RLIMIT_NOFILE, limits.descriptors)?;
    limit(libc::RLIMIT_CORE, 0)
}

/// Limits of one intruder's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Processes and threads of the user namespace (`RLIMIT_NPROC`, counted per namespace since Linux 5.14).
    pub processes: u64,
    /// Bytes of address space of one process (`RLIMIT_AS`).
    pub process_bytes: u64,
    /// Bytes that one file may grow to.
    pub file_bytes: u64,
    /// Processor seconds of one process (`RLIMIT_CPU`).
    pub processor_seconds: u64,
}

/// Applies limits to this process and those that it makes.
///
/// # Errors
/// When the kernel refuses.
pub fn limit_session(limits: SessionLimits) -> io::Result<()> {
    limit(libc::RLIMIT_NPROC, limits.processes)?;
    limit(libc::RLIMIT_AS, limits.process_bytes)?;
    limit(libc::RLIMIT_FSIZE, limits.file_bytes)?;
    limit(libc::RLIMIT_CPU, limits.processor_seconds)?;
    limit(libc::RLIMIT_NOFILE, 1024)?;
    limit(libc::RLIMIT_MEMLOCK, 64 << 10)?;
    limit(libc::RLIMIT_MSGQUEUE, 16 << 10)?;
    limit(libc::RLIMIT_CORE, 0)
}

/// Ends this process when its parent ends, however that happens.
///
/// # Errors
/// When the kernel refuses.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a signal number and no pointer.
    // JUSTIFICATION: the standard library has no prctl(2).
    #[allow(unsafe_code)]
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks whether this process may signal its parent (signal 0: nothing is sent).
///
/// # Errors
/// When it may not.
pub fn signal_parent() -> io::Result<()> {
    let parent =
        libc::pid_t::try_from(std::os::unix::process::parent_id()).map_err(io::Error::other)?;
    // SAFETY: kill(2) takes numbers only, and signal 0 is never delivered.
    // JUSTIFICATION: the standard library has no kill(2) for processes that it did not start.
    #[allow(unsafe_code)]
    let result = unsafe { libc::kill(parent, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut current = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `current` is a valid place for one rlimit structure.
    // JUSTIFICATION: the standard library has no getrlimit(2).
    #[allow(unsafe_code)]
    let read = unsafe { libc::getrlimit(resource, &raw mut current) };
    if read != 0 {
        return Err(io::Error::last_os_error());
    }
    let value = value.min(current.rlim_max);
    let wanted = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `wanted` is an initialised rlimit structure that the kernel only reads.
    // JUSTIFICATION: the standard library has no setrlimit(2).
    #[allow(unsafe_code)]
    let result = unsafe { libc::setrlimit(resource, &raw const wanted) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
