// SPDX-License-Identifier: Apache-2.0
//! What programs of a cell are told that would give the honeypot away is put right as a call returns: the kernel's release,
//! the memory of the machine, the emulator in the names of processes, the mounts that hide the host's /proc. A new tell is
//! one line in [`FILES`] or one arm of [`Mask::returned`]. Lengths of answers can be changed on x86-64 only.

use kakoi_kernel::Watched;
use kakoi_model::Argument;

use super::task::Pending;
use crate::cell::plan::Plan;

/// What is told in place of the emulator.
const PROGRAM: &str = "/bin/busybox";

/// `-EACCES`.
const DENIED: i64 = -13;

/// Changes what a file of /proc says; nothing when nothing is to change.
type Change = fn(&Mask, &[u8]) -> Option<Vec<u8>>;

/// By the last name of a file below /proc.
const FILES: [(&str, Change); 4] = [
    ("cmdline", Mask::without_emulator),
    ("mounts", Mask::without_binds),
    ("mountinfo", Mask::without_binds),
    ("mountstats", Mask::without_binds),
];

/// What to put right.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    /// Release and build of the kernel; empty for what it is.
    kernel: (String, String),
    /// Path of the emulator.
    emulator: Option<String>,
    /// Do processes of ours in the cell stand for programs of the persona?
    stands_in: bool,
    /// Are files of /proc bound over?
    binds: bool,
    /// Total, free, shared and buffered memory in bytes.
    memory: Option<[u64; 4]>,
}

impl Mask {
    pub(crate) fn new(plan: &Plan) -> Self {
        let emulator = plan.emulator.as_ref();
        Self {
            kernel: plan.kernel.clone(),
            emulator: emulator.map(|emulator| emulator.program.to_string_lossy().into_owned()),
            stands_in: emulator.is_some() || plan.service.is_some(),
            binds: !plan.proc.is_empty(),
            memory: plan.proc.get("meminfo").and_then(|text| memory(text)),
        }
    }

    /// Is it only the links of our own processes that are to be put right?
    pub(crate) fn has_links(&self) -> bool {
        self.stands_in
    }

    /// Is nothing else to be put right?
    pub(crate) fn is_empty(&self) -> bool {
        let Self { kernel: (release, build), emulator, binds, memory, .. } = self;
        release.is_empty() && build.is_empty() && emulator.is_none() && !binds && memory.is_none()
    }

    /// May the answer of this call have to be put right?
    pub(crate) fn is_asked(&self, name: &str) -> bool {
        match name {
            "uname" | "sysinfo" | "read" | "pread64" => !self.is_empty(),
            "readlink" | "readlinkat" => !self.is_empty() || self.stands_in,
            _ => false,
        }
    }

    /// A call begins. What would go past our eyes is not made; programs then read.
    pub(crate) fn entered(&self, process: Watched, name: &str, arguments: &[u64; 6]) -> bool {
        let passes = matches!(name, "sendfile" | "sendfile64" | "splice");
        let [_, second, ..] = *arguments;
        let from = if name == "splice" { arguments[0] } else { second };
        passes && self.change_of(process, from).is_some() && process.skip_call().is_ok()
    }

    /// A call returned this; gives what it returns instead.
    pub(crate) fn returned(&self, process: Watched, pending: &Pending, result: i64) -> Option<i64> {
        let [first, second, third, ..] = pending.arguments;
        match pending.call.call.as_str() {
            "uname" if result == 0 => self.rename_kernel(process, first),
            "sysinfo" if result == 0 => self.shrink(process, first),
            "read" | "pread64" if result > 0 => return self.read(process, first, second, result),
            "readlink" | "readlinkat" if result == DENIED => {
                return self.read_own_link(process, pending);
            }
            "readlink" if result > 0 => return self.read_link(process, second, third, result),
            "readlinkat" if result > 0 => {
                return self.read_link(process, third, pending.arguments[3], result);
            }
            _ => {}
        }
        None
    }

    /// The answer of uname(2): `struct new_utsname` (include/uapi/linux/utsname.h), six texts of 65 bytes, of which the third
    /// is the release and the fourth the build.
    fn rename_kernel(&self, process: Watched, address: u64) {
        for (place, text) in [(2, &self.kernel.0), (3, &self.kernel.1)] {
            if !text.is_empty() {
                let mut bytes = [0; 65];
                bytes.iter_mut().zip(text.bytes().take(64)).for_each(|(to, from)| *to = from);
                // A program that gave a bad address has got an error from the kernel already.
                let _ = process.write(address.wrapping_add(place * 65), &bytes);
            }
        }
    }

    /// The answer of sysinfo(2) on a 64-bit kernel (include/uapi/linux/sysinfo.h): memory at 32, swap after it.
    fn shrink(&self, process: Watched, address: u64) {
        if let Some([total, free, shared, buffered]) = self.memory {
            let words = [total, free, shared, buffered, 0, 0];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            let _ = process.write(address.wrapping_add(32), &bytes);
        }
    }

    fn read(&self, process: Watched, descriptor: u64, address: u64, result: i64) -> Option<i64> {
        let change = self.change_of(process, descriptor)?;
        let bytes = process.read(address, usize::try_from(result).ok()?.min(1 << 20));
        let changed = change(self, &bytes).filter(|changed| !changed.is_empty())?;
        put(process, address, &changed)
    }

    fn read_link(&self, process: Watched, address: u64, room: u64, result: i64) -> Option<i64> {
        let emulator = self.emulator.as_ref()?;
        let bytes = process.read(address, usize::try_from(result).ok()?.min(4096));
        let told = bytes == emulator.as_bytes();
        (told && room >= PROGRAM.len() as u64).then(|| put(process, address, PROGRAM.as_bytes()))?
    }

    /// What our own processes in the cell run cannot be read.
    fn read_own_link(&self, process: Watched, pending: &Pending) -> Option<i64> {
        let Some(Argument::Text(path)) = pending.call.arguments.get("path") else { return None };
        if !self.stands_in {
            return None;
        }
        path.strip_prefix("/proc/")?.strip_suffix("/exe")?.parse::<u32>().ok()?;
        let [_, second, third, fourth, ..] = pending.arguments;
        let at = pending.call.call == "readlinkat";
        let (address, room) = if at { (third, fourth) } else { (second, third) };
        (room >= PROGRAM.len() as u64).then(|| put(process, address, PROGRAM.as_bytes()))?
    }

    /// What is to be done to what a descriptor gives.
    fn change_of(&self, process: Watched, descriptor: u64) -> Option<Change> {
        if self.emulator.is_none() && !self.binds {
            return None;
        }
        let path =
            std::fs::read_link(format!("/proc/{}/fd/{descriptor}", process.process())).ok()?;
        let path = path.to_str()?.strip_prefix("/proc/")?;
        let (directory, name) = path.rsplit_once('/')?;
        // /proc/cmdline is the kernel's.
        let of_process = directory.starts_with(|first: char| first.is_ascii_digit());
        FILES.iter().find(|(file, _)| of_process && *file == name).map(|(_, change)| *change)
    }

    /// `QEMU PATH NAME ARGUMENTS` as `NAME ARGUMENTS`: so binfmt_misc with `P` starts an emulator.
    fn without_emulator(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let rest = bytes.strip_prefix(self.emulator.as_ref()?.as_bytes())?.strip_prefix(&[0])?;
        let path = rest.iter().position(|byte| *byte == 0)?;
        rest.get(path + 1..).map(<[u8]>::to_vec)
    }

    /// Lines of mounts without those below /proc.
    fn without_binds(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let bound = |line: &&[u8]| line.windows(7).any(|part| part == b" /proc/");
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        Some(lines.filter(|line| !bound(line)).flatten().copied().collect())
    }
}

/// Puts an answer into the memory of a program; gives its length as the result. None: it stays what it was.
fn put(process: Watched, address: u64, bytes: &[u8]) -> Option<i64> {
    let length = i64::try_from(bytes.len()).ok()?;
    process.set_result(length).ok()?;
    process.write(address, bytes).ok()?;
    Some(length)
}

/// Bytes of a text like /proc/meminfo: total, free, shared, buffered.
fn memory(text: &str) -> Option<[u64; 4]> {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .map(|kb| kb * 1024)
    };
    let rest = |name: &str| of(name).unwrap_or(0);
    Some([of("MemTotal")?, rest("MemFree"), rest("Shmem"), rest("Buffers")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulator_is_no_part_of_a_command() {
        let mask = Mask { emulator: Some("/usr/bin/qemu-m".to_owned()), ..Mask::default() };
        let told = |bytes: &[u8]| mask.without_emulator(bytes);
        assert_eq!(told(b"/usr/bin/qemu-m\0/bin/sh\0-sh\0"), Some(b"-sh\0".to_vec()));
        assert_eq!(told(b"sh\0-c\0/usr/bin/qemu-m\0"), None);
        assert_eq!(told(b"/usr/bin/qemu-m"), None);
    }

    #[test]
    fn bound_files_are_no_mounts() {
        let text =
            b"proc /proc proc rw 0 0\ntmpfs /proc/cpuinfo tmpfs rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        let told = Mask::default().without_binds(text).unwrap();
        assert_eq!(told, b"proc /proc proc rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n");
    }

    #[test]
    fn memory_is_read_as_free_reads_it() {
        let text = "MemTotal:  124852 kB\nMemFree:  72308 kB\nBuffers:  2316 kB\n";
        assert_eq!(memory(text), Some([124_852 << 10, 72_308 << 10, 0, 2_316 << 10]));
        assert_eq!(memory("x"), None);
    }
}
