// SPDX-License-Identifier: Apache-2.0
//! Which arguments of which call are decoded, and as what.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use kakoi_model::Argument;

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number, signed as `int` is.
    Int,
    /// A number of the machine's width: a size, an offset.
    Size,
    /// A descriptor that is left out when it is `AT_FDCWD`.
    At,
    /// A path.
    Path,
    /// Flags of open(2).
    Open,
    /// Flags of clone(2).
    Clone,
    /// Bytes, whose length is the next argument.
    Data,
    /// A socket address, whose length is the next argument.
    Address,
    /// Words of a command.
    Words,
}

use Kind::{Address, At, Clone as CloneFlags, Data, Int, Open, Path, Size, Words};

type Arguments = &'static [(u8, &'static str, Kind)];

/// By name: place, name and kind of each argument that is told. Other calls are told by name and result.
const DECODED: &[(&str, Arguments)] = &[
    ("read", &[(0, "descriptor", Int), (2, "size", Size)]),
    ("readv", &[(0, "descriptor", Int)]),
    ("pread64", &[(0, "descriptor", Int), (2, "size", Size)]),
    ("write", &[(0, "descriptor", Int), (1, "data", Data), (2, "size", Size)]),
    ("writev", &[(0, "descriptor", Int)]),
    ("pwrite64", &[(0, "descriptor", Int), (1, "data", Data), (2, "size", Size)]),
    ("sendfile", &[(0, "descriptor", Int), (1, "from", Int), (3, "size", Size)]),
    ("copy_file_range", &[(0, "from", Int), (2, "descriptor", Int), (4, "size", Size)]),
    ("splice", &[(0, "from", Int), (2, "descriptor", Int), (4, "size", Size)]),
    ("open", &[(0, "path", Path), (1, "flags", Open), (2, "mode", Int)]),
    ("openat", &[(0, "directory", At), (1, "path", Path), (2, "flags", Open), (3, "mode", Int)]),
    ("creat", &[(0, "path", Path), (1, "mode", Int)]),
    ("close", &[(0, "descriptor", Int)]),
    ("dup", &[(0, "descriptor", Int)]),
    ("dup2", &[(0, "descriptor", Int), (1, "to", Int)]),
    ("dup3", &[(0, "descriptor", Int), (1, "to", Int)]),
    ("fcntl", &[(0, "descriptor", Int), (1, "command", Int), (2, "value", Size)]),
    ("ioctl", &[(0, "descriptor", Int), (1, "request", Size)]),
    ("lseek", &[(0, "descriptor", Int), (1, "offset", Size), (2, "whence", Int)]),
    ("ftruncate", &[(0, "descriptor", Int), (1, "size", Size)]),
    ("truncate", &[(0, "path", Path), (1, "size", Size)]),
    ("stat", &[(0, "path", Path)]),
    ("lstat", &[(0, "path", Path)]),
    ("fstat", &[(0, "descriptor", Int)]),
    ("newfstatat", &[(0, "directory", At), (1, "path", Path)]),
    ("statx", &[(0, "directory", At), (1, "path", Path)]),
    ("statfs", &[(0, "path", Path)]),
    ("access", &[(0, "path", Path), (1, "mode", Int)]),
    ("faccessat", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int)]),
    ("faccessat2", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int)]),
    ("readlink", &[(0, "path", Path)]),
    ("readlinkat", &[(0, "directory", At), (1, "path", Path)]),
    ("getdents64", &[(0, "descriptor", Int)]),
    ("chdir", &[(0, "path", Path)]),
    ("fchdir", &[(0, "descriptor", Int)]),
    ("chroot", &[(0, "path", Path)]),
    ("mkdir", &[(0, "path", Path), (1, "mode", Int)]),
    ("mkdirat", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int)]),
    ("rmdir", &[(0, "path", Path)]),
    ("unlink", &[(0, "path", Path)]),
    ("unlinkat", &[(0, "directory", At), (1, "path", Path), (2, "flags", Int)]),
    ("rename", &[(0, "path", Path), (1, "to", Path)]),
    (
        "renameat",
        &[(0, "directory", At), (1, "path", Path), (2, "to-directory", At), (3, "to", Path)],
    ),
    (
        "renameat2",
        &[(0, "directory", At), (1, "path", Path), (2, "to-directory", At), (3, "to", Path)],
    ),
    ("link", &[(0, "path", Path), (1, "to", Path)]),
    (
        "linkat",
        &[(0, "directory", At), (1, "path", Path), (2, "to-directory", At), (3, "to", Path)],
    ),
    ("symlink", &[(0, "path", Path), (1, "to", Path)]),
    ("symlinkat", &[(0, "path", Path), (1, "to-directory", At), (2, "to", Path)]),
    ("mknod", &[(0, "path", Path), (1, "mode", Int), (2, "device", Size)]),
    ("mknodat", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int), (3, "device", Size)]),
    ("chmod", &[(0, "path", Path), (1, "mode", Int)]),
    ("fchmod", &[(0, "descriptor", Int), (1, "mode", Int)]),
    ("fchmodat", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int)]),
    ("fchmodat2", &[(0, "directory", At), (1, "path", Path), (2, "mode", Int)]),
    ("chown", &[(0, "path", Path), (1, "user", Int), (2, "group", Int)]),
    ("lchown", &[(0, "path", Path), (1, "user", Int), (2, "group", Int)]),
    ("fchown", &[(0, "descriptor", Int), (1, "user", Int), (2, "group", Int)]),
    ("fchownat", &[(0, "directory", At), (1, "path", Path), (2, "user", Int), (3, "group", Int)]),
    ("utimensat", &[(0, "directory", At), (1, "path", Path)]),
    ("setxattr", &[(0, "path", Path), (1, "name", Path)]),
    ("umask", &[(0, "mode", Int)]),
    ("execve", &[(0, "path", Path), (1, "arguments", Words)]),
    ("execveat", &[(0, "directory", At), (1, "path", Path), (2, "arguments", Words)]),
    ("clone", &[(0, "flags", CloneFlags)]),
    ("exit", &[(0, "status", Int)]),
    ("exit_group", &[(0, "status", Int)]),
    ("wait4", &[(0, "process", Int)]),
    ("kill", &[(0, "process", Int), (1, "signal", Int)]),
    ("tkill", &[(0, "process", Int), (1, "signal", Int)]),
    ("tgkill", &[(1, "process", Int), (2, "signal", Int)]),
    ("prctl", &[(0, "option", Int)]),
    ("ptrace", &[(0, "request", Int), (1, "process", Int)]),
    ("memfd_create", &[(0, "name", Path)]),
    ("socket", &[(0, "family", Int), (1, "type", Int), (2, "protocol", Int)]),
    ("socketpair", &[(0, "family", Int), (1, "type", Int)]),
    ("connect", &[(0, "descriptor", Int), (1, "address", Address)]),
    ("bind", &[(0, "descriptor", Int), (1, "address", Address)]),
    ("listen", &[(0, "descriptor", Int)]),
    ("accept", &[(0, "descriptor", Int)]),
    ("accept4", &[(0, "descriptor", Int)]),
    (
        "sendto",
        &[(0, "descriptor", Int), (1, "data", Data), (2, "size", Size), (4, "address", Address)],
    ),
    ("recvfrom", &[(0, "descriptor", Int), (2, "size", Size)]),
    ("sendmsg", &[(0, "descriptor", Int)]),
    ("recvmsg", &[(0, "descriptor", Int)]),
    ("shutdown", &[(0, "descriptor", Int), (1, "how", Int)]),
    ("setsockopt", &[(0, "descriptor", Int), (1, "level", Int), (2, "option", Int)]),
    ("mount", &[(0, "path", Path), (1, "to", Path)]),
    ("umount2", &[(0, "path", Path)]),
    ("sethostname", &[(0, "data", Data)]),
    ("reboot", &[(2, "command", Int)]),
    ("init_module", &[(1, "size", Size)]),
    ("finit_module", &[(0, "descriptor", Int)]),
    ("delete_module", &[(0, "path", Path)]),
    ("mmap", &[(1, "size", Size), (2, "protection", Int), (4, "descriptor", Int)]),
    ("mprotect", &[(1, "size", Size), (2, "protection", Int)]),
];

/// The arguments that are told of a call.
pub(crate) fn arguments_of(name: &str) -> Arguments {
    static BY_NAME: OnceLock<BTreeMap<&'static str, Arguments>> = OnceLock::new();
    let table = BY_NAME.get_or_init(|| DECODED.iter().copied().collect());
    table.get(name).copied().unwrap_or_default()
}

/// Names of this machine's calls by number.
pub(crate) fn name_of(number: u64) -> Option<&'static str> {
    all_names().get(&number).map(String::as_str)
}

/// All of them.
pub(crate) fn all_names() -> &'static BTreeMap<u64, String> {
    static NAMES: OnceLock<BTreeMap<u64, String>> = OnceLock::new();
    NAMES.get_or_init(names)
}

/// The table of `rules/syscalls.toml` for this machine.
fn names() -> BTreeMap<u64, String> {
    let text = include_str!("../../../../rules/syscalls.toml");
    let abi = if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86-64" };
    let tables = text.parse::<toml::Table>().unwrap_or_default();
    let calls =
        tables.get(abi).and_then(|table| table.get("calls")).and_then(toml::Value::as_table);
    let numbered = calls.into_iter().flatten().filter_map(|(name, number)| {
        Some((u64::try_from(number.as_integer()?).ok()?, name.clone()))
    });
    numbered.collect()
}

/// Flags of open(2) in the order in which they are told (include/uapi/asm-generic/fcntl.h).
pub(crate) fn open_flags(value: u64) -> Argument {
    let access = match value & 3 {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        _ => "O_RDWR",
    };
    let others = [
        ("O_CREAT", 0o100),
        ("O_EXCL", 0o200),
        ("O_TRUNC", 0o1000),
        ("O_APPEND", 0o2000),
        ("O_NONBLOCK", 0o4000),
        ("O_DIRECTORY", 0o200_000),
        ("O_NOFOLLOW", 0o400_000),
        ("O_CLOEXEC", 0o2_000_000),
        ("O_PATH", 0o10_000_000),
        ("O_TMPFILE", 0o20_000_000),
    ];
    let set = others.iter().filter(|(_, bit)| value & bit != 0).map(|(name, _)| *name);
    list(std::iter::once(access).chain(set))
}

/// Flags of clone(2) that tell threads, and children for whom the parent waits, from others.
pub(crate) fn clone_flags(value: u64) -> Argument {
    let flags = [
        ("CLONE_VM", 0x100_u64),
        ("CLONE_FS", 0x200),
        ("CLONE_FILES", 0x400),
        ("CLONE_VFORK", 0x4000),
        ("CLONE_PARENT", 0x8000),
        ("CLONE_THREAD", 0x1_0000),
        ("CLONE_NEWNS", 0x2_0000),
        ("CLONE_NEWUSER", 0x1000_0000),
        ("CLONE_NEWPID", 0x2000_0000),
        ("CLONE_NEWNET", 0x4000_0000),
    ];
    list(flags.iter().filter(|(_, bit)| value & bit != 0).map(|(name, _)| *name))
}

fn list<'n>(names: impl Iterator<Item = &'n str>) -> Argument {
    Argument::List(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoded_call_has_a_number_here_or_is_of_another_machine() {
        let known: Vec<String> = names().into_values().collect();
        let unknown: Vec<&str> = DECODED
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !known.iter().any(|call| call == name))
            .collect();
        if cfg!(target_arch = "x86_64") {
            assert_eq!(unknown, ["fchmodat2"], "Debian 12's headers do not have it");
        }
    }

    #[test]
    fn flags_are_told_by_name() {
        assert_eq!(
            open_flags(0o1101),
            Argument::List(vec!["O_WRONLY".into(), "O_CREAT".into(), "O_TRUNC".into()])
        );
        assert_eq!(clone_flags(17), Argument::List(Vec::new()));
    }
}
