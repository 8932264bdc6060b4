// SPDX-License-Identifier: Apache-2.0
//! The table of premises: where they stand in glibc, and what fulfils them.

use super::Premise;

/// A premise, where it stands, and what fulfils it.
pub(super) struct Rule {
    pub(super) premise: Premise,
    /// Functions of which one has to run. The library that the place lies in offers one of them.
    pub(super) needs: &'static [&'static str],
    /// Functions that the function around the place calls, all of them.
    pub(super) around: &'static [&'static str],
    /// Calls of these functions, and system calls of these names, wait; everything in the function where there are none.
    pub(super) held: &'static [&'static str],
}

const ATTRIBUTES: &[&str] = &[
    "pthread_attr_setinheritsched",
    "pthread_attr_setschedparam",
    "pthread_attr_setschedpolicy",
    "pthread_setattr_default_np",
];

const PROTECTION: &[&str] = &[
    "pthread_mutex_setprioceiling",
    "pthread_mutexattr_setprioceiling",
    "pthread_mutexattr_setprotocol",
];

/// What the child that `posix_spawn` makes calls, whatever it was asked.
const SPAWN: &[&str] = &["sched_setparam", "sched_setscheduler"];

const DIRECTORY: &[&str] = &[
    "posix_spawn_file_actions_addchdir",
    "posix_spawn_file_actions_addchdir_np",
    "posix_spawn_file_actions_addfchdir",
    "posix_spawn_file_actions_addfchdir_np",
];

/// What makes a second thread, or ends one by itself.
const THREADS: &[&str] =
    &["clone", "pthread_cancel", "pthread_create", "pthread_exit", "thrd_create", "thrd_exit"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        premise: Premise::PriorityProtection,
        needs: PROTECTION,
        around: &["sched_get_priority_min", "sched_setscheduler"],
        held: &[],
    },
    // What a thread's priority is, and what priorities there are (nptl/tpp.c).
    Rule {
        premise: Premise::PriorityProtection,
        needs: PROTECTION,
        around: &["sched_getparam", "sched_getscheduler"],
        held: &["sched_getparam", "sched_getscheduler"],
    },
    Rule {
        premise: Premise::PriorityProtection,
        needs: PROTECTION,
        around: &["sched_get_priority_max", "sched_get_priority_min"],
        held: &["sched_get_priority_max", "sched_get_priority_min"],
    },
    Rule {
        premise: Premise::RemoteService,
        needs: &["svc_register"],
        around: &["svc_unregister"],
        held: &[],
    },
    Rule {
        premise: Premise::SpawnAttributes,
        needs: &["posix_spawnattr_setflags"],
        around: SPAWN,
        held: &[
            "sched_setparam",
            "sched_setscheduler",
            "setpgid",
            "setresgid",
            "setresgid32",
            "setresuid",
            "setresuid32",
            "setsid",
        ],
    },
    Rule {
        premise: Premise::SpawnCloseFrom,
        needs: &["posix_spawn_file_actions_addclosefrom_np"],
        around: SPAWN,
        held: &["close_range"],
    },
    Rule {
        premise: Premise::SpawnDirectory,
        needs: DIRECTORY,
        around: SPAWN,
        held: &["chdir", "fchdir"],
    },
    Rule {
        premise: Premise::SpawnTerminal,
        needs: &["posix_spawn_file_actions_addtcsetpgrp_np"],
        around: SPAWN,
        held: &["getpgid", "tcsetpgrp"],
    },
    Rule {
        premise: Premise::ThreadPolicy,
        needs: ATTRIBUTES,
        around: &[],
        held: &["sched_setscheduler"],
    },
    Rule {
        premise: Premise::ThreadAffinity,
        needs: &["pthread_attr_setaffinity_np", "pthread_setattr_default_np"],
        around: &[],
        held: &["sched_setaffinity"],
    },
    // Attributes are copied with what they have.
    Rule {
        premise: Premise::ThreadAffinity,
        needs: &["pthread_attr_setaffinity_np", "pthread_setattr_default_np"],
        around: &["pthread_attr_setaffinity_np"],
        held: &["pthread_attr_setaffinity_np"],
    },
    // System calls only: the function `exit` ends the whole program.
    Rule { premise: Premise::OtherThreads, needs: THREADS, around: &[], held: &["exit"] },
    Rule {
        premise: Premise::OtherThreads,
        needs: THREADS,
        around: &["sched_yield"],
        held: &["sched_yield"],
    },
];

/// Functions by which the event loop in the name service of systemd watches files, signals and processes.
pub(super) const SOURCES: &[&str] =
    &["inotify_add_watch", "inotify_init1", "inotify_rm_watch", "kill", "signalfd", "waitid"];

/// What starts a process.
pub(super) const STARTS: &[&str] =
    &["clone", "fork", "posix_spawn", "posix_spawnp", "system", "vfork"];

/// Functions that other files can call, with what in them waits: calls of functions and system calls.
pub(super) const OFFERED: &[(Premise, &[&str], &[&str])] = &[
    (Premise::HomePatterns, PATTERNS, &["getlogin_r", "getpwnam_r", "getpwuid_r"]),
    (Premise::ThreadPolicy, &["pthread_create"], &["sched_getparam", "sched_getscheduler"]),
];

/// Functions that expand patterns.
pub(super) const PATTERNS: &[&str] = &["glob", "glob64"];

/// What a program calls that fulfils [`Premise::ProfilingTimer`].
pub(super) const TIMER: &str = "setitimer";
