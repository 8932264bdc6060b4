// SPDX-License-Identifier: Apache-2.0
//! Giving up what a parser never needs: new files (Landlock), everything else (seccomp).

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetStatus, Scope,
};

use crate::Filter;

/// How much took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Landlock.
    pub files: Landlocked,
    /// The system-call filter, on all threads.
    pub system_calls: bool,
}

/// How much of Landlock took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlocked {
    /// All that this version of kakoi asks for.
    Fully,
    /// What this kernel knows of it.
    Partly,
    /// Nothing: the kernel has no Landlock, or it is switched off.
    Not,
}

/// Gives up opening files, and where the kernel knows it, connecting and signalling: for this
/// thread and those that it starts later. Call it before any other thread is started.
///
/// # Errors
/// When the kernel refuses for another reason than not knowing Landlock.
pub fn confine_files() -> io::Result<Landlocked> {
    let status = restrict().map_err(io::Error::other)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlocked::Fully,
        RulesetStatus::PartiallyEnforced => Landlocked::Partly,
        RulesetStatus::NotEnforced => Landlocked::Not,
    })
}

/// A ruleset that handles everything and allows nothing. Also sets `no_new_privs`.
fn restrict() -> Result<RestrictionStatus, landlock::RulesetError> {
    let newest = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()
}

/// Installs a filter on all threads of this process. Sets `no_new_privs`, which the kernel asks
/// of a process without `CAP_SYS_ADMIN`.
///
/// # Errors
/// When the kernel has no seccomp filters, or a thread could not be brought along.
pub fn confine_system_calls(filter: &Filter) -> io::Result<()> {
    set_no_new_privileges()?;
    let length = u16::try_from(filter.program().len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: filter.program().as_ptr().cast_mut() };
    // SAFETY: `program` points to `length` initialised instructions that live until the call
    // returns; the kernel copies them and does not write to them.
    // JUSTIFICATION: libc has no wrapper for seccomp(2); only that call can reach all threads.
    #[allow(unsafe_code)]
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    match result {
        0 => Ok(()),
        thread if thread > 0 => Err(io::Error::other(format!("thread {thread} did not follow"))),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set_no_new_privileges() -> io::Result<()> {
    // SAFETY: PR_SET_NO_NEW_PRIVS takes no pointer.
    // JUSTIFICATION: the standard library has no prctl(2).
    #[allow(unsafe_code)]
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
