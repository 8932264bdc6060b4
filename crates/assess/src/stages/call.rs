// SPDX-License-Identifier: Apache-2.0
//! One call: its family and its arguments by name.

use kakoi_model::{Argument, Call};

/// The family of a call, by the name that the report uses. None: only the running of a program.
#[must_use]
pub fn family(call: &str) -> Option<&'static str> {
    Some(match call {
        "open" | "openat" | "openat2" | "creat" => "openat",
        "read" | "readv" | "pread64" | "preadv" | "recv" | "recvfrom" | "recvmsg" => "read",
        "write" | "writev" | "pwrite64" | "pwritev" | "sendfile" | "sendfile64"
        | "copy_file_range" | "splice" | "send" | "sendto" => "write",
        "execve" | "execveat" => "execve",
        "chmod" | "fchmod" | "fchmodat" | "fchmodat2" => "fchmodat",
        "chdir" | "fchdir" => "chdir",
        "socket" => "socket",
        "connect" => "connect",
        "close" => "close",
        "dup" | "dup2" | "dup3" | "fcntl" | "fcntl64" => "dup",
        "fork" | "vfork" | "clone" | "clone3" => "fork",
        "unlink" | "unlinkat" | "rmdir" => "unlinkat",
        "rename" | "renameat" | "renameat2" => "renameat",
        "link" | "linkat" | "symlink" | "symlinkat" => "linkat",
        "kill" | "tkill" | "tgkill" => "kill",
        "mount" | "umount2" | "reboot" | "init_module" | "finit_module" | "delete_module"
        | "sethostname" | "swapon" | "mknod" | "mknodat" => "mount",
        _ => return None,
    })
}

pub(super) fn text<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    match call.arguments.get(name)? {
        Argument::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn number(call: &Call, name: &str) -> Option<i64> {
    match call.arguments.get(name)? {
        Argument::Number(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn list<'c>(call: &'c Call, name: &str) -> &'c [String] {
    match call.arguments.get(name) {
        Some(Argument::List(list)) => list,
        _ => &[],
    }
}

pub(super) fn flags(call: &Call) -> impl Iterator<Item = &str> {
    list(call, "flags").iter().map(String::as_str)
}
