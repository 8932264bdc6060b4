// SPDX-License-Identifier: Apache-2.0
//! Every system call of a process and its descendants, at entry and at return (ptrace(2)).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A process that this thread watches. Only the thread that began may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched(libc::pid_t);

/// Why a watched process stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// It enters or leaves a system call.
    Call,
    /// It is about to get a signal.
    Signal(i32),
    /// It was stopped like the rest of its job, or has just been made.
    Group,
    /// It made a process or thread with this number.
    Made(u32),
    /// It runs another program.
    Became,
    /// It is about to make a call that its filter hands to the watcher.
    Filtered,
    /// It is no more.
    Ended(ExitStatus),
    /// Something that needs no answer.
    Other,
}

/// What a call looks like at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStop {
    /// It begins.
    Entry {
        /// `AUDIT_ARCH_*` of the caller: a 32-bit program on a 64-bit kernel has another one.
        architecture: u32,
        /// Its number.
        number: u64,
        /// Its arguments.
        arguments: [u64; 6],
    },
    /// It returns this: not negative, or `-errno`.
    Exit(i64),
    /// The process is in no call.
    None,
}

/// How far a watched process may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the next entry or return of a call.
    Call,
    /// To the next event: a child, another program, a signal.
    Event,
    /// Stopped with its job, until that goes on.
    Continued,
}

/// A register of a stopped process.
#[derive(Debug, Clone, Copy)]
enum Register {
    /// What a call returns.
    Result,
    /// The number of the call that begins.
    Number,
}

/// `struct ptrace_syscall_info` (include/uapi/linux/ptrace.h), as words.
const INFO_WORDS: usize = 12;

/// `PTRACE_GET_SYSCALL_INFO`, since Linux 5.3.
const GET_CALL_INFO: libc::c_uint = 0x420e;

impl Watched {
    /// Begins to watch a process and all that it makes. When the watcher ends, they end.
    ///
    /// # Errors
    /// When it may not be traced.
    pub fn begin(process: u32) -> io::Result<Self> {
        Self::seize(process, libc::PTRACE_O_TRACESYSGOOD)
    }

    /// Likewise, but it stops only at calls that its filter hands over ([`Halt::Filtered`]).
    ///
    /// # Errors
    /// When it may not be traced.
    pub fn begin_filtered(process: u32) -> io::Result<Self> {
        Self::seize(process, libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACESECCOMP)
    }

    fn seize(process: u32, more: libc::c_int) -> io::Result<Self> {
        let watched = Self::known(process)?;
        let options = libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL
            | more;
        watched.request(libc::PTRACE_SEIZE, 0, options as u64)?;
        Ok(watched)
    }

    /// A process that is watched because its parent is.
    ///
    /// # Errors
    /// When the number is none.
    pub fn known(process: u32) -> io::Result<Self> {
        libc::pid_t::try_from(process).map(Self).map_err(io::Error::other)
    }

    /// Its number.
    #[must_use]
    pub fn process(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Lets it run, with a signal (0 for none). That it has been killed meanwhile is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn proceed(self, until: Until, signal: i32) -> io::Result<()> {
        let request = match until {
            Until::Call => libc::PTRACE_SYSCALL,
            Until::Event => libc::PTRACE_CONT,
            Until::Continued => libc::PTRACE_LISTEN,
        };
        match self.request(request, 0, u64::from(signal.unsigned_abs())) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other,
        }
    }

    /// Waits for any watched process or child of this thread.
    ///
    /// # Errors
    /// `ECHILD` when there is none left.
    pub fn wait_any() -> io::Result<(Self, Halt)> {
        let mut status = 0;
        loop {
            // SAFETY: `status` is ours and lives until the call returns.
            // JUSTIFICATION: the standard library waits for ends only, not for stops.
            #[allow(unsafe_code)]
            let waited = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
            match waited {
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                -1 => return Err(io::Error::last_os_error()),
                process => {
                    let watched = Self(process);
                    return Ok((watched, watched.halt(status)));
                }
            }
        }
    }

    fn halt(self, status: i32) -> Halt {
        if !libc::WIFSTOPPED(status) {
            return Halt::Ended(ExitStatus::from_raw(status));
        }
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            0 if signal == libc::SIGTRAP | 0x80 => Halt::Call,
            0 => Halt::Signal(signal),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                self.message().map_or(Halt::Other, Halt::Made)
            }
            libc::PTRACE_EVENT_EXEC => Halt::Became,
            libc::PTRACE_EVENT_SECCOMP => Halt::Filtered,
            libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => Halt::Group,
            _ => Halt::Other,
        }
    }

    /// Which call it is at.
    ///
    /// # Errors
    /// When it is gone, or the kernel is older than 5.3.
    pub fn call(self) -> io::Result<CallStop> {
        let mut words = [0_u64; INFO_WORDS];
        let size = size_of_val(&words);
        // SAFETY: the kernel writes at most `size` bytes to `words`, which lives until the call returns.
        // JUSTIFICATION: libc has no wrapper for ptrace(2).
        #[allow(unsafe_code)]
        let result = unsafe { libc::ptrace(GET_CALL_INFO, self.0, size, words.as_mut_ptr()) };
        if result == -1 {
            return Err(io::Error::last_os_error());
        }
        // A byte for the kind, three of padding, the architecture; instruction and stack pointer; the rest by kind.
        let [head, _, _, first, rest @ ..] = words;
        let [a, b, c, d, e, f, ..] = rest;
        // 3 is a stop for the filter, which begins likewise.
        Ok(match head.to_ne_bytes()[0] {
            1 | 3 => CallStop::Entry {
                architecture: u32::from_ne_bytes(
                    head.to_ne_bytes()[4..].try_into().unwrap_or_default(),
                ),
                number: first,
                arguments: [a, b, c, d, e, f],
            },
            2 => CallStop::Exit(first.cast_signed()),
            _ => CallStop::None,
        })
    }

    /// Reads its memory; fewer bytes than asked for where the rest is not mapped.
    #[must_use]
    pub fn read(self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let Ok(address) = usize::try_from(address) else { return Vec::new() };
        let local = IoSliceMut::new(&mut bytes);
        let remote =
            libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: length };
        // SAFETY: `IoSliceMut` has the layout of iovec and points to `length` bytes of ours; the other address is one of
        // the process, checked by the kernel.
        // JUSTIFICATION: the standard library has no process_vm_readv(2).
        #[allow(unsafe_code)]
        let count = unsafe {
            libc::process_vm_readv(self.0, (&raw const local).cast(), 1, &raw const remote, 1, 0)
        };
        bytes.truncate(usize::try_from(count).unwrap_or(0));
        bytes
    }

    /// Writes to its memory.
    ///
    /// # Errors
    /// When not all of it is mapped for writing, or the process is gone.
    pub fn write(self, address: u64, bytes: &[u8]) -> io::Result<()> {
        let address = usize::try_from(address).map_err(io::Error::other)?;
        let local = IoSlice::new(bytes);
        let remote = libc::iovec {
            iov_base: std::ptr::without_provenance_mut(address),
            iov_len: bytes.len(),
        };
        // SAFETY: `IoSlice` has the layout of iovec and points to bytes that live until the call returns; the other address
        // is one of the process, checked by the kernel.
        // JUSTIFICATION: the standard library has no process_vm_writev(2).
        #[allow(unsafe_code)]
        let count = unsafe {
            libc::process_vm_writev(self.0, (&raw const local).cast(), 1, &raw const remote, 1, 0)
        };
        match usize::try_from(count) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(_) => Err(io::Error::other("a part of it is not mapped")),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    /// At the entry of a call: it is not made.
    ///
    /// # Errors
    /// When it is gone, or this machine is not x86-64.
    pub fn skip_call(self) -> io::Result<()> {
        self.set_register(Register::Number, -1)
    }

    /// At the return of a call: this is what it returns.
    ///
    /// # Errors
    /// As [`Self::skip_call`].
    pub fn set_result(self, result: i64) -> io::Result<()> {
        self.set_register(Register::Result, result)
    }

    #[cfg(target_arch = "x86_64")]
    fn set_register(self, register: Register, value: i64) -> io::Result<()> {
        // Places in `struct user_regs_struct` (sys/user.h), in words.
        let place = match register {
            Register::Result => 10,
            Register::Number => 15,
        };
        self.request(libc::PTRACE_POKEUSER, place * 8, value.cast_unsigned())
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn set_register(self, _: Register, _: i64) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn message(self) -> io::Result<u32> {
        let mut message: libc::c_ulong = 0;
        // SAFETY: the kernel writes one word to `message`.
        // JUSTIFICATION: libc has no wrapper for ptrace(2).
        #[allow(unsafe_code)]
        let result = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, self.0, 0, &raw mut message) };
        if result == -1 {
            return Err(io::Error::last_os_error());
        }
        u32::try_from(message).map_err(io::Error::other)
    }

    fn request(self, request: libc::c_uint, address: u64, data: u64) -> io::Result<()> {
        // SAFETY: none of the requests made here reads or writes our memory.
        // JUSTIFICATION: libc has no wrapper for ptrace(2).
        #[allow(unsafe_code)]
        let result = unsafe { libc::ptrace(request, self.0, address, data) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
