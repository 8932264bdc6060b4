// SPDX-License-Identifier: Apache-2.0
//! A stopped process under ptrace(2). Registers and the instruction that enters the kernel are those of x86-64; on other machines
//! every operation says that it is not supported.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A process or thread that this thread traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tracee(libc::pid_t);

/// Why it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is about to get a signal.
    Signal(i32),
    /// Its filter handed a call over.
    Handed,
    /// It made a child or a thread, or became another program.
    Event,
    /// It is no more.
    Ended(ExitStatus),
}

/// In the child, before it becomes the program: to be traced by the parent, and no new privileges.
pub(crate) fn offer_to_be_traced() -> io::Result<()> {
    // SAFETY: neither call takes memory.
    // JUSTIFICATION: the standard library has neither.
    #[allow(unsafe_code)]
    let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    // SAFETY: as above.
    // JUSTIFICATION: as above.
    #[allow(unsafe_code)]
    let held = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if traced == 0 && held == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Tracee {
    pub(crate) fn new(process: u32) -> io::Result<Self> {
        libc::pid_t::try_from(process).map(Self).map_err(io::Error::other)
    }

    /// Its number.
    pub(crate) fn id(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Waits until it stops or ends.
    pub(crate) fn wait(self) -> io::Result<Stop> {
        wait_for(self.0).map(|(_, stop)| stop)
    }

    /// Waits until any tracee of this thread stops or ends; other threads may have children of their own.
    pub(crate) fn wait_any() -> io::Result<(Self, Stop)> {
        wait_for(-1)
    }

    /// Asks for its children and threads to be traced too, for calls that its filter hands over, and for its end with ours.
    pub(crate) fn follow(self) -> io::Result<()> {
        let options = libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_TRACESECCOMP
            | libc::PTRACE_O_EXITKILL;
        self.request(libc::PTRACE_SETOPTIONS, 0, options as u64)
    }

    /// Lets it run, with a signal (0 for none).
    pub(crate) fn proceed(self, signal: i32) -> io::Result<()> {
        self.request(libc::PTRACE_CONT, 0, u64::from(signal.unsigned_abs()))
    }

    /// Lets it go.
    pub(crate) fn detach(self) -> io::Result<()> {
        self.request(libc::PTRACE_DETACH, 0, 0)
    }

    /// Writes to its memory, a word at a time; the last word is filled up with what is there.
    pub(crate) fn write(self, address: u64, bytes: &[u8]) -> io::Result<()> {
        for (place, chunk) in (address..).step_by(8).zip(bytes.chunks(8)) {
            let mut word = match chunk.len() {
                8 => [0; 8],
                _ => self.word(place)?.to_ne_bytes(),
            };
            word[..chunk.len()].copy_from_slice(chunk);
            self.request(libc::PTRACE_POKEDATA, place, u64::from_ne_bytes(word))?;
        }
        Ok(())
    }

    fn word(self, address: u64) -> io::Result<u64> {
        let mut word = 0_u64;
        // SAFETY: the kernel writes one word to `word`, which lives until the call returns; it checks the address, which
        // is one of the tracee.
        // JUSTIFICATION: the C library's ptrace returns the word itself, which may look like an error.
        #[allow(unsafe_code)]
        let result = unsafe {
            libc::syscall(libc::SYS_ptrace, libc::PTRACE_PEEKDATA, self.0, address, &raw mut word)
        };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(word) }
    }

    fn request(self, request: libc::c_uint, address: u64, data: u64) -> io::Result<()> {
        // SAFETY: none of the requests made here reads or writes our memory.
        // JUSTIFICATION: libc has no wrapper for ptrace(2).
        #[allow(unsafe_code)]
        let result = unsafe { libc::ptrace(request, self.0, address, data) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn wait_for(process: libc::pid_t) -> io::Result<(Tracee, Stop)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours and lives until the call returns.
        // JUSTIFICATION: the standard library waits for ends only, not for stops.
        #[allow(unsafe_code)]
        let waited =
            unsafe { libc::waitpid(process, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        match waited {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Err(io::Error::last_os_error()),
            process => return Ok((Tracee(process), stop(status))),
        }
    }
}

fn stop(status: i32) -> Stop {
    if !libc::WIFSTOPPED(status) {
        return Stop::Ended(ExitStatus::from_raw(status));
    }
    match status >> 16 {
        0 => Stop::Signal(libc::WSTOPSIG(status)),
        libc::PTRACE_EVENT_SECCOMP => Stop::Handed,
        _ => Stop::Event,
    }
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::{Stop, Tracee, io};

    /// Registers of a stopped tracee.
    #[derive(Clone, Copy)]
    pub(crate) struct Registers(libc::user_regs_struct);

    /// `syscall`, and a breakpoint behind it.
    const CALL: [u8; 8] = [0x0f, 0x05, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc];

    impl Registers {
        /// The stack pointer.
        pub(crate) fn stack(&self) -> u64 {
            self.0.rsp
        }

        /// Number of the call that it is in.
        pub(crate) fn number(&self) -> u64 {
            self.0.orig_rax
        }

        /// Its arguments.
        pub(crate) fn arguments(&self) -> [u64; 6] {
            let registers = &self.0;
            [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9]
        }
    }

    impl Tracee {
        /// Reads the registers.
        pub(crate) fn registers(self) -> io::Result<Registers> {
            // SAFETY: the structure is made of integers, for which zero is a value.
            // JUSTIFICATION: libc gives no constructor.
            #[allow(unsafe_code)]
            let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
            // SAFETY: `registers` has the layout that the kernel writes, and lives until the call returns.
            // JUSTIFICATION: libc has no wrapper for ptrace(2).
            #[allow(unsafe_code)]
            let result =
                unsafe { libc::ptrace(libc::PTRACE_GETREGS, self.0, 0, &raw mut registers) };
            if result == -1 { Err(io::Error::last_os_error()) } else { Ok(Registers(registers)) }
        }

        fn set_registers(self, registers: &Registers) -> io::Result<()> {
            // SAFETY: `registers` has the layout that the kernel reads.
            // JUSTIFICATION: libc has no wrapper for ptrace(2).
            #[allow(unsafe_code)]
            let result =
                unsafe { libc::ptrace(libc::PTRACE_SETREGS, self.0, 0, &raw const registers.0) };
            if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
        }

        /// Has it make a call where it stands, and puts registers and code back. Returns the call's result.
        pub(crate) fn call(
            self,
            before: &Registers,
            number: u64,
            arguments: [u64; 3],
        ) -> io::Result<i64> {
            let place = before.0.rip;
            let code = self.word(place)?;
            let mut registers = *before;
            registers.0.rax = number;
            // Not in a call: the kernel must not start one again.
            registers.0.orig_rax = u64::MAX;
            [registers.0.rdi, registers.0.rsi, registers.0.rdx] = arguments;
            self.write(place, &CALL)?;
            self.set_registers(&registers)?;
            self.proceed(0)?;
            let stop = self.wait()?;
            if stop != Stop::Signal(libc::SIGTRAP) {
                return Err(io::Error::other(format!(
                    "the program did not stop after the call: {stop:?}"
                )));
            }
            let result = self.registers()?.0.rax.cast_signed();
            self.write(place, &code.to_ne_bytes())?;
            self.set_registers(before)?;
            Ok(result)
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod machine {
    use super::{Tracee, io};

    /// Registers of a stopped tracee.
    #[derive(Clone, Copy)]
    pub(crate) struct Registers;

    impl Registers {
        pub(crate) fn stack(&self) -> u64 {
            0
        }

        pub(crate) fn number(&self) -> u64 {
            0
        }

        pub(crate) fn arguments(&self) -> [u64; 6] {
            [0; 6]
        }
    }

    impl Tracee {
        pub(crate) fn registers(self) -> io::Result<Registers> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn call(self, _: &Registers, _: u64, _: [u64; 3]) -> io::Result<i64> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
