// SPDX-License-Identifier: Apache-2.0
//! Calls that do the same: older and newer versions, and the calls behind a multiplexer. A libc or a kernel upgrade moves a program
//! from one to another.

/// Calls that take each other's place. Sources: the manual pages' sections on versions, and the fall-backs in glibc
/// (sysdeps/unix/sysv/linux) and musl (src/internal, src/linux).
pub const FAMILIES: &[&[&str]] = &[
    &["open", "openat", "openat2", "creat"],
    &["stat", "stat64", "fstatat64", "newfstatat", "statx", "lstat", "lstat64", "fstat", "fstat64"],
    &["access", "faccessat", "faccessat2"],
    &["clone", "clone3", "fork", "vfork"],
    &["pipe", "pipe2"],
    &["dup2", "dup3"],
    &["epoll_create", "epoll_create1"],
    &["epoll_wait", "epoll_pwait", "epoll_pwait2"],
    &["eventfd", "eventfd2"],
    &["signalfd", "signalfd4"],
    &["inotify_init", "inotify_init1"],
    &["poll", "ppoll", "ppoll_time64"],
    &["select", "_newselect", "pselect6", "pselect6_time64"],
    &["futex", "futex_time64"],
    &["clock_gettime", "clock_gettime64"],
    &["clock_settime", "clock_settime64"],
    &["clock_getres", "clock_getres_time64"],
    &["clock_nanosleep", "clock_nanosleep_time64", "nanosleep"],
    &["clock_adjtime", "clock_adjtime64", "adjtimex"],
    &["timer_gettime", "timer_gettime64"],
    &["timer_settime", "timer_settime64"],
    &["timerfd_gettime", "timerfd_gettime64"],
    &["timerfd_settime", "timerfd_settime64"],
    &["utime", "utimes", "futimesat", "utimensat", "utimensat_time64"],
    &["mq_timedsend", "mq_timedsend_time64"],
    &["mq_timedreceive", "mq_timedreceive_time64"],
    &["semtimedop", "semtimedop_time64", "semop"],
    &["rt_sigtimedwait", "rt_sigtimedwait_time64"],
    &["sched_rr_get_interval", "sched_rr_get_interval_time64"],
    &["recvmmsg", "recvmmsg_time64"],
    &["io_pgetevents", "io_pgetevents_time64"],
    &["getrlimit", "ugetrlimit", "prlimit64"],
    &["setrlimit", "prlimit64"],
    &["mmap", "mmap2"],
    &["fcntl", "fcntl64"],
    &["lseek", "_llseek"],
    &["sendfile", "sendfile64"],
    &["truncate", "truncate64"],
    &["ftruncate", "ftruncate64"],
    &["statfs", "statfs64"],
    &["fstatfs", "fstatfs64"],
    &["getdents", "getdents64", "readdir"],
    &["fadvise64", "fadvise64_64", "arm_fadvise64_64"],
    &["sync_file_range", "sync_file_range2", "arm_sync_file_range"],
    &["mkdir", "mkdirat"],
    &["rmdir", "unlink", "unlinkat"],
    &["rename", "renameat", "renameat2"],
    &["link", "linkat"],
    &["symlink", "symlinkat"],
    &["readlink", "readlinkat"],
    &["mknod", "mknodat"],
    &["chmod", "fchmodat", "fchmodat2"],
    &["chown", "lchown", "fchownat", "chown32", "lchown32"],
    &["fchown", "fchown32"],
    &["getuid", "getuid32"],
    &["geteuid", "geteuid32"],
    &["getgid", "getgid32"],
    &["getegid", "getegid32"],
    &["setuid", "setuid32"],
    &["setgid", "setgid32"],
    &["setreuid", "setreuid32"],
    &["setregid", "setregid32"],
    &["setresuid", "setresuid32"],
    &["setresgid", "setresgid32"],
    &["getresuid", "getresuid32"],
    &["getresgid", "getresgid32"],
    &["setfsuid", "setfsuid32"],
    &["setfsgid", "setfsgid32"],
    &["getgroups", "getgroups32"],
    &["setgroups", "setgroups32"],
    &["accept", "accept4"],
    &["send", "sendto"],
    &["recv", "recvfrom"],
    &["wait4", "waitpid", "waitid"],
    &["sigaction", "rt_sigaction"],
    &["sigprocmask", "rt_sigprocmask"],
    &["sigsuspend", "rt_sigsuspend"],
    &["sigpending", "rt_sigpending"],
    &["preadv", "preadv2"],
    &["pwritev", "pwritev2"],
    &["pread64", "pread"],
    &["pwrite64", "pwrite"],
    &["alarm", "setitimer"],
    &["uname", "olduname"],
    &["time", "gettimeofday", "clock_gettime"],
];

/// Newer calls that a libc tries and does without. Where a filter does not allow them it answers `ENOSYS`, so that the libc takes
/// the older way.
pub(super) const TRIED_FIRST: &[&str] = &[
    "clone3",
    "openat2",
    "faccessat2",
    "fchmodat2",
    "statx",
    "close_range",
    "epoll_pwait2",
    "rseq",
    "set_robust_list",
    "membarrier",
    "getrandom",
    "copy_file_range",
    "preadv2",
    "pwritev2",
    "renameat2",
    "futex_waitv",
    "prlimit64",
    "memfd_create",
    "futex_time64",
    "clock_gettime64",
    "clock_settime64",
    "clock_getres_time64",
    "clock_nanosleep_time64",
    "clock_adjtime64",
    "timer_gettime64",
    "timer_settime64",
    "timerfd_gettime64",
    "timerfd_settime64",
    "utimensat_time64",
    "pselect6_time64",
    "ppoll_time64",
    "recvmmsg_time64",
    "mq_timedsend_time64",
    "mq_timedreceive_time64",
    "semtimedop_time64",
    "rt_sigtimedwait_time64",
    "sched_rr_get_interval_time64",
    "io_pgetevents_time64",
];

/// Behind `socketcall` (include/uapi/linux/net.h).
const SOCKET_CALLS: &[&str] = &[
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// Behind `ipc` (include/uapi/linux/ipc.h).
const IPC_CALLS: &[(&str, u64)] = &[
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// The multiplexer that a call is also reached by, and its first argument then. Of `ipc` the lower 16 bits count; the upper ones
/// are a version.
#[must_use]
pub fn multiplexed(name: &str) -> Option<(&'static str, u64)> {
    let socket = SOCKET_CALLS.iter().zip(1_u64..).find(|(known, _)| **known == name);
    let ipc = || IPC_CALLS.iter().find(|(known, _)| *known == name);
    socket
        .map(|(_, number)| ("socketcall", number))
        .or_else(|| ipc().map(|(_, number)| ("ipc", *number)))
}

/// The call that a multiplexer makes for its first argument.
pub(super) fn behind(multiplexer: &str, number: u64) -> Option<&'static str> {
    match multiplexer {
        "socketcall" => SOCKET_CALLS.get(usize::try_from(number.checked_sub(1)?).ok()?).copied(),
        "ipc" => {
            IPC_CALLS.iter().find(|(_, known)| *known == number & 0xffff).map(|(name, _)| *name)
        }
        _ => None,
    }
}
