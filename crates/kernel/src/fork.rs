// SPDX-License-Identifier: Apache-2.0
//! Copies of this process: plain ones, and one that begins a system of its own.

use std::io;

/// Which of the two a caller is after the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The one that called; the number of the other, as this one sees it.
    Parent(u32),
    /// The copy.
    Child,
}

/// Copies this process (fork(2)).
///
/// # Errors
/// When the process has other threads (the copy would find their locks held for ever), or the kernel refuses.
pub fn fork() -> io::Result<Fork> {
    single_threaded()?;
    // SAFETY: there is one thread, so that no lock of the library is held by a thread that the copy lacks.
    // JUSTIFICATION: the standard library starts programs, it does not copy processes.
    #[allow(unsafe_code)]
    let process = unsafe { libc::fork() };
    outcome(i64::from(process))
}

/// Copies this process into new namespaces of every kind but time: user, process numbers, mounts, network, host name,
/// System V IPC and control groups (clone(2), namespaces(7)). The copy is process 1 there, and its user identities are not
/// mapped until the parent does so.
///
/// # Errors
/// As [`fork`], or when this kernel allows no user namespaces.
pub fn fork_into_namespaces() -> io::Result<Fork> {
    single_threaded()?;
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and with no stack given this is fork(2) with flags; there is one thread. The C library's
    // notion of the thread's number is stale in the copy, which starts no thread and locks nothing by owner.
    // JUSTIFICATION: no wrapper gives fork(2) with namespaces.
    #[allow(unsafe_code)]
    let process = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    outcome(process)
}

/// Leaves the control groups' namespace for a new one, whose root is the group that this process is in.
///
/// # Errors
/// When the kernel has no such namespaces.
pub fn hide_control_groups() -> io::Result<()> {
    // SAFETY: the call takes no memory and changes nothing that the program relies on.
    // JUSTIFICATION: the standard library has no unshare(2).
    #[allow(unsafe_code)]
    let result = unsafe { libc::unshare(libc::CLONE_NEWCGROUP) };
    result_of(result)
}

/// Gives this process mounts of its own, which start as a copy.
///
/// # Errors
/// When it lacks the privilege.
pub fn own_mounts() -> io::Result<()> {
    // SAFETY: as in `hide_control_groups`; there is one thread, whose directories stay what they are.
    // JUSTIFICATION: as there.
    #[allow(unsafe_code)]
    let result = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    result_of(result)
}

/// Who this process is to the kernel, for a moment: effective identities only.
///
/// # Errors
/// When the kernel refuses.
pub fn act_as(id: u32) -> io::Result<()> {
    // SAFETY: neither call takes memory.
    // JUSTIFICATION: the standard library has neither.
    #[allow(unsafe_code)]
    let group = unsafe { libc::setegid(id) };
    result_of(group)?;
    // SAFETY: as above.
    // JUSTIFICATION: as above.
    #[allow(unsafe_code)]
    let user = unsafe { libc::seteuid(id) };
    result_of(user)
}

/// Undoes [`act_as`], for a process of root.
///
/// # Errors
/// When it was not root.
pub fn act_as_before() -> io::Result<()> {
    // SAFETY: neither call takes memory.
    // JUSTIFICATION: the standard library has neither.
    #[allow(unsafe_code)]
    let user = unsafe { libc::seteuid(0) };
    result_of(user)?;
    // SAFETY: as above.
    // JUSTIFICATION: as above.
    #[allow(unsafe_code)]
    let group = unsafe { libc::setegid(0) };
    result_of(group)
}

/// Becomes this user and group for good, without other groups.
///
/// # Errors
/// When the kernel refuses. The process must then not go on.
pub fn become_user(id: u32) -> io::Result<()> {
    // SAFETY: a count of zero reads no memory.
    // JUSTIFICATION: the standard library has no setgroups(2).
    #[allow(unsafe_code)]
    let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
    result_of(groups)?;
    // SAFETY: the call takes no memory.
    // JUSTIFICATION: the standard library has no setresgid(2).
    #[allow(unsafe_code)]
    let group = unsafe { libc::setresgid(id, id, id) };
    result_of(group)?;
    // SAFETY: the call takes no memory.
    // JUSTIFICATION: the standard library has no setresuid(2).
    #[allow(unsafe_code)]
    let user = unsafe { libc::setresuid(id, id, id) };
    result_of(user)
}

/// Ends a process and, if it is process 1 of a namespace, all others there.
///
/// # Errors
/// When it is gone, or may not be ended.
pub fn kill(process: u32) -> io::Result<()> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    // SAFETY: kill(2) takes numbers only.
    // JUSTIFICATION: the standard library has no kill(2) for processes that it did not start.
    #[allow(unsafe_code)]
    let result = unsafe { libc::kill(process, libc::SIGKILL) };
    result_of(result)
}

/// Tells whoever records this process that it does itself what another program would do: it writes the command to no
/// descriptor, which changes nothing.
pub fn declare(command: &[u8]) {
    // SAFETY: the address and length are those of a slice that lives until the call returns; no descriptor has the number.
    // JUSTIFICATION: the standard library has no descriptor that is none.
    #[allow(unsafe_code)]
    let _ = unsafe { libc::write(-1, command.as_ptr().cast(), command.len()) };
}

/// What signals do to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signals {
    /// What they do to any: children that ended wait until they are asked about, requests to end end it.
    Default,
    /// Children vanish when they end, and requests to end (`SIGINT`, `SIGTERM`, `SIGHUP`) are ignored: the process ends
    /// by itself, after it has cleaned up.
    Keeper,
}

/// Chooses what signals do to this process, and to those that it starts.
///
/// # Errors
/// When the kernel refuses.
pub fn signals(choice: Signals) -> io::Result<()> {
    let handler = match choice {
        Signals::Default => libc::SIG_DFL,
        Signals::Keeper => libc::SIG_IGN,
    };
    for signal in [libc::SIGCHLD, libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: both dispositions are the kernel's own; no code of ours runs in a handler.
        // JUSTIFICATION: the standard library has no signal(2).
        #[allow(unsafe_code)]
        let before = unsafe { libc::signal(signal, handler) };
        if before == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn single_threaded() -> io::Result<()> {
    match std::fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        _ => Err(io::Error::other("a process with several threads is not copied")),
    }
}

fn outcome(process: i64) -> io::Result<Fork> {
    match process {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        process => u32::try_from(process).map(Fork::Parent).map_err(io::Error::other),
    }
}

fn result_of(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_is_not_copied() {
        // The harness runs this on a thread of its own.
        assert!(fork().is_err());
        assert!(fork_into_namespaces().is_err());
    }
}
