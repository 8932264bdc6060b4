// SPDX-License-Identifier: Apache-2.0
//! The closed sets of words of the language, each with its number in abi/kakoi.h.

/// A set of words with numbers.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant = $number,)+
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in policies and events.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The number in abi/kakoi.h.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// By its word.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }

            /// By its number.
            #[must_use]
            pub fn numbered(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.number() == number)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What to do with an attempt, by strictness.
    Action {
        /// Nothing.
        Allow = 0 "allow",
        /// Let it happen and report it.
        Audit = 1 "audit",
        /// Let it happen without what makes it harmful.
        Rewrite = 2 "rewrite",
        /// Refuse it.
        Deny = 3 "deny",
        /// Refuse it and end the process.
        Kill = 4 "kill",
    }
}

words! {
    /// Controls, in the order of `enum kk_control`.
    Control {
        /// Running a shell.
        ShellStart = 0 "shell-start",
        /// Running a script, by `#!` or by a shell or scripting language.
        ScriptExec = 1 "script-exec",
        /// Giving a file execute, set-user-ID or set-group-ID bits.
        GrantExec = 2 "grant-exec",
        /// Writing to, or replacing, an executable.
        WriteExec = 3 "write-exec",
        /// Running or mapping what is not trusted content.
        ExecOutside = 4 "exec-outside",
        /// Running or mapping what a held process wrote.
        RunDropped = 5 "run-dropped",
        /// A shell, scripting language, awk, or cron reading what a held process wrote.
        InterpretDropped = 6 "interpret-dropped",
        /// Making memory without a file executable.
        ExecMemory = 7 "exec-memory",
        /// What would end the guard.
        SelfProtect = 8 "self-protect",
        /// Reading files that are not listed.
        FilesRead = 9 "files.read",
        /// Changing files that are not listed.
        FilesWrite = 10 "files.write",
        /// Touching files that are listed.
        FilesForbid = 11 "files.forbid",
        /// Running programs that are not listed.
        ExecList = 12 "exec.allow",
        /// Running programs that are listed.
        ExecForbid = 13 "exec.forbid",
        /// Binding to addresses that are not listed.
        NetBind = 14 "network.bind",
        /// Connecting to addresses that are not listed.
        NetConnect = 15 "network.connect",
        /// Sockets of families that are not listed.
        NetFamily = 16 "network.families",
        /// Using capabilities that are not listed.
        Capabilities = 17 "capabilities",
    }
}

words! {
    /// Operations, in the order of `enum kk_op`: families of system calls, not names.
    Op {
        /// Running a program, or the interpreter of a script.
        Exec = 1 "exec",
        /// Mapping a file executable.
        MapExec = 2 "map-exec",
        /// Making memory without a file executable.
        MemExec = 3 "mem-exec",
        /// Opening a file.
        Open = 4 "open",
        /// Making a file, directory, pipe or device.
        Create = 5 "create",
        /// Changing permission bits.
        Chmod = 6 "chmod",
        /// Setting an extended attribute or access control list.
        Setxattr = 7 "setxattr",
        /// Truncating by path or descriptor.
        Truncate = 8 "truncate",
        /// Making a hard link.
        Link = 9 "link",
        /// Renaming.
        Rename = 10 "rename",
        /// Removing a name.
        Remove = 11 "remove",
        /// Changing owner or times.
        Setattr = 12 "setattr",
        /// Receiving a descriptor.
        Receive = 13 "receive",
        /// Making a socket.
        Socket = 14 "socket",
        /// Binding a socket.
        Bind = 15 "bind",
        /// Connecting a socket.
        Connect = 16 "connect",
        /// Using a capability.
        Capable = 17 "capable",
        /// One of the things of self-protection that have hooks of their own.
        Protect = 18 "protect",
    }
}

words! {
    /// What self-protection covers, in the order of `enum kk_protect`.
    Protect {
        /// Loading or unloading a kernel module.
        Module = 0 "module",
        /// Any `bpf()` command.
        Bpf = 1 "bpf",
        /// Tracing or writing the memory of a process outside the domain.
        Ptrace = 2 "ptrace",
        /// Signals to the agent and to protected processes.
        Signal = 3 "signal",
        /// Mounting, remounting, unmounting, `pivot_root`.
        Mount = 4 "mount",
        /// Writing to raw block, flash, memory and port devices; `iopl`.
        Device = 5 "device",
        /// What the kernel starts by name: `core_pattern`, `modprobe`, `binfmt_misc`.
        Helper = 6 "kernel-helper",
        /// Loading another kernel.
        Kexec = 7 "kexec",
        /// Rebooting.
        Reboot = 8 "reboot",
        /// The guard's own files, pins and devices.
        Policy = 9 "policy",
        /// Clearing the kernel log.
        Log = 10 "log",
        /// New user or mount namespaces, `setns`.
        Namespace = 11 "namespace",
        /// Opening `/proc/PID/mem` for writing.
        Memory = 12 "memory",
        /// Files that tell others what to run: inittab, crontabs, rc scripts, `ld.so.preload`.
        StartUp = 13 "start-up",
    }
}

words! {
    /// Types of files.
    FileType {
        /// None, or not known.
        None = 0 "none",
        /// A regular file.
        Regular = 1 "regular",
        /// A directory.
        Directory = 2 "directory",
        /// A character device.
        Character = 3 "character",
        /// A block device.
        Block = 4 "block",
        /// A named or anonymous pipe.
        Fifo = 5 "fifo",
        /// A socket.
        Socket = 6 "socket",
        /// A symbolic link.
        Symlink = 7 "symlink",
    }
}

words! {
    /// Why content is trusted; the number is the bit of `KK_T_*`.
    Trust {
        /// A file system that cannot be written: squashfs, erofs, cramfs, romfs.
        Rootfs = 0 "rootfs",
        /// dm-verity or fs-verity vouches for it.
        Verity = 1 "verity",
        /// Its digest is in the loaded list.
        Digests = 2 "digests",
        /// The root that the kernel unpacked at boot.
        Initramfs = 3 "initramfs",
        /// No held process has written it.
        Untainted = 4 "untainted",
    }
}

words! {
    /// What standard input is.
    StandardInput {
        /// Closed, `/dev/null`, another device.
        Other = 0 "other",
        /// A terminal.
        Tty = 1 "tty",
        /// A regular file.
        File = 2 "file",
        /// A pipe.
        Pipe = 3 "pipe",
        /// A socket.
        Socket = 4 "socket",
    }
}

words! {
    /// Kinds of extended attributes that can give execute permission or capabilities.
    Xattr {
        /// Another one.
        Other = 0 "other",
        /// `system.posix_acl_access`.
        Acl = 1 "acl",
        /// `security.capability`.
        Capability = 2 "capability",
    }
}

words! {
    /// What a remote session looks like without configuration; the number is the bit of `KK_REMOTE_*`.
    Remote {
        /// Its terminal is a pty whose master a process with an accepted connection holds.
        Pty = 0 "pty",
        /// Descriptor 0, 1 or 2 is a connected internet socket.
        Socket = 1 "socket",
    }
}

words! {
    /// How a file is opened; the number is the bit of `KK_A_*`.
    Access {
        /// For reading.
        Read = 0 "read",
        /// For writing.
        Write = 1 "write",
        /// Emptied.
        Truncate = 2 "truncate",
    }
}

words! {
    /// Facts that a hook could not establish; the number is the bit of `KK_U_*`.
    Unknown {
        /// The path of the object.
        Path = 0 "path",
        /// The path of the target.
        Target = 1 "target",
        /// The argument vector.
        Argv = 2 "argv",
        /// What standard input is.
        StandardInput = 3 "stdin",
        /// Whether a held process wrote the object.
        Taint = 4 "taint",
        /// The permission bits that the object has.
        Mode = 5 "mode",
    }
}

words! {
    /// Kinds of programs; the number is the bit of `KK_P_*`.
    Program {
        /// A shell.
        Shell = 0 "shells",
        /// A scripting language.
        Scripting = 1 "interpreters",
        /// awk, sed: the program comes from `-f` or the first operand.
        Filter = 2 "filters",
        /// busybox, toybox.
        MultiCall = 3 "multi-call",
        /// Runs what files tell it: crond, init.
        Deputy = 4 "deputies",
    }
}

/// Error numbers that a rule may return, with the same number on all architectures of Linux that
/// kakoi supports (asm-generic/errno-base.h).
pub const ERRORS: &[(&str, u8)] = &[
    ("EPERM", 1),
    ("ENOENT", 2),
    ("EIO", 5),
    ("ENOEXEC", 8),
    ("EACCES", 13),
    ("EBUSY", 16),
    ("EINVAL", 22),
    ("EROFS", 30),
];

/// Capabilities by number (include/uapi/linux/capability.h).
pub const CAPABILITIES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Address families (include/linux/socket.h).
pub const FAMILIES: &[(&str, u8)] = &[
    ("unix", 1),
    ("inet", 2),
    ("inet6", 10),
    ("netlink", 16),
    ("packet", 17),
    ("bluetooth", 31),
    ("can", 29),
    ("vsock", 40),
];
