// SPDX-License-Identifier: Apache-2.0
//! Starting a program under a filter that it did not ask for, and that need not allow `execve`.
//!
//! The child is traced, and stops at the first instruction of the new program. There the tracer has it make one call,
//! `seccomp(2)`, with the filter on its own stack, puts everything back, and lets it go (ptrace(2), seccomp(2)). The
//! program inherits `no_new_privs`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use crate::tracee::{Stop, Tracee};

/// A filter as the kernel takes it: code, jumps and constant of each instruction. Holding one proves nothing about it; the kernel
/// checks it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFilter {
    bytes: Vec<u8>,
}

impl ForeignFilter {
    /// From `struct sock_filter[]` in this machine's byte order.
    ///
    /// # Errors
    /// When the length is not that of 1 to 4096 instructions.
    pub fn from_bytes(bytes: Vec<u8>) -> io::Result<Self> {
        let is_whole =
            bytes.len().is_multiple_of(8) && !bytes.is_empty() && bytes.len() <= 8 * 4096;
        if is_whole {
            Ok(Self { bytes })
        } else {
            Err(invalid("a filter has 1 to 4096 instructions of 8 bytes"))
        }
    }
}

/// A call that the filter handed to the tracer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handed {
    /// Process, or thread, that made it.
    pub process: u32,
    /// Number.
    pub number: u64,
    /// Arguments.
    pub arguments: [u64; 6],
}

/// Starts the program with the filter attached, and waits for its end.
///
/// # Errors
/// When the program cannot be started or traced, or the kernel refuses the filter. The program is then ended before its
/// first instruction.
pub fn run_filtered(command: &mut Command, filter: &ForeignFilter) -> io::Result<ExitStatus> {
    let (mut child, tracee) = start(command)?;
    match attach(tracee, filter).and_then(|()| tracee.detach()) {
        Ok(()) => child.wait(),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}

/// The same, with a filter that hands calls to the tracer (`SECCOMP_RET_TRACE`): each is told to `handed` and then done. Follows
/// the program's children and threads; returns when the last of them ended.
///
/// # Errors
/// As [`run_filtered`].
pub fn run_watched(
    command: &mut Command,
    filter: &ForeignFilter,
    handed: &mut dyn FnMut(Handed),
) -> io::Result<ExitStatus> {
    let (mut child, tracee) = start(command)?;
    let attached =
        tracee.follow().and_then(|()| attach(tracee, filter)).and_then(|()| tracee.proceed(0));
    if let Err(error) = attached {
        child.kill()?;
        child.wait()?;
        return Err(error);
    }
    watch(tracee, handed)
}

/// Starts the program; it stops before its first instruction.
fn start(command: &mut Command) -> io::Result<(std::process::Child, Tracee)> {
    // SAFETY: the closure runs between fork and exec and makes two system calls that take no memory.
    // JUSTIFICATION: the child itself must ask to be traced, and give up new privileges.
    #[allow(unsafe_code)]
    let command = unsafe { command.pre_exec(crate::tracee::offer_to_be_traced) };
    let child = command.spawn()?;
    let tracee = Tracee::new(child.id())?;
    match tracee.wait()? {
        Stop::Signal(libc::SIGTRAP) => Ok((child, tracee)),
        stop => Err(invalid(&format!("the program did not stop at its start: {stop:?}"))),
    }
}

/// Has the stopped program install the filter.
fn attach(tracee: Tracee, filter: &ForeignFilter) -> io::Result<()> {
    let registers = tracee.registers()?;
    // Below the red zone of the stack, aligned as structures are.
    let program = (registers.stack() - 256 - filter.bytes.len() as u64) & !15;
    let header = program - 16;
    let count = (filter.bytes.len() / 8) as u64;
    tracee.write(program, &filter.bytes)?;
    // struct sock_fprog: a 16-bit length, padding, a pointer.
    tracee.write(header, &[count.to_ne_bytes(), program.to_ne_bytes()].concat())?;
    let set_mode_filter = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    match tracee.call(&registers, libc::SYS_seccomp as u64, [set_mode_filter, 0, header])? {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(i32::try_from(-error).unwrap_or(libc::EINVAL))),
    }
}

/// Lets the program and its descendants run; returns how it ended itself.
fn watch(first: Tracee, handed: &mut dyn FnMut(Handed)) -> io::Result<ExitStatus> {
    let mut ended = None;
    loop {
        match Tracee::wait_any() {
            Ok((tracee, Stop::Handed)) => {
                let registers = tracee.registers()?;
                let (number, arguments) = (registers.number(), registers.arguments());
                handed(Handed { process: tracee.id(), number, arguments });
                proceed(tracee, 0)?;
            }
            // A new child or thread begins with a stop of its own; other events are only told.
            Ok((tracee, Stop::Event | Stop::Signal(libc::SIGSTOP))) => proceed(tracee, 0)?,
            Ok((tracee, Stop::Signal(signal))) => proceed(tracee, signal)?,
            Ok((tracee, Stop::Ended(status))) if tracee == first => ended = Some(status),
            Ok((_, Stop::Ended(_))) => {}
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => break,
            Err(error) => return Err(error),
        }
    }
    ended.ok_or_else(|| invalid("the program ended without a status"))
}

/// A process that was killed meanwhile is no error.
fn proceed(tracee: Tracee, signal: i32) -> io::Result<()> {
    match tracee.proceed(signal) {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        other => other,
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}
