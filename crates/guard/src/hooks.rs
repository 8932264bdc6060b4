// SPDX-License-Identifier: Apache-2.0
//! The hooks of bpf/guard.bpf.c: which operations each one serves, and which of them a policy needs.
//! A hook that no rule needs is not attached, so that it costs nothing.

use kakoi_policy::Op;

use crate::blob::{Blob, Ops};

/// What a hook does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It can refuse.
    Refuses,
    /// The kernel only tells it.
    Told,
}

/// When a hook is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it nobody is held.
    Always,
    /// Sessions are told by it (a connection taken, a terminal made).
    Sessions,
    /// For these operations.
    For(u32),
}

/// One hook; the program in the object has its name.
#[derive(Debug, Clone, Copy)]
pub struct Hook {
    /// Name of the LSM hook.
    pub name: &'static str,
    /// What it can do.
    pub kind: Kind,
    /// When it is attached.
    pub need: Need,
    /// Kernels that do not have it, in words; what stands in for it there.
    pub absent: Option<&'static str>,
    /// A hook that makes this one needless where the kernel has it.
    pub unless: Option<&'static str>,
}

const fn op(op: Op) -> Ops {
    1 << op.number()
}

const fn hook(name: &'static str, need: Need) -> Hook {
    Hook { name, kind: Kind::Refuses, need, absent: None, unless: None }
}

const fn told(name: &'static str, need: Need) -> Hook {
    Hook { name, kind: Kind::Told, need, absent: None, unless: None }
}

const fn since(name: &'static str, need: Need, absent: &'static str) -> Hook {
    Hook { name, kind: Kind::Refuses, need, absent: Some(absent), unless: None }
}

const fn before(
    better: &'static str,
    name: &'static str,
    need: Need,
    absent: &'static str,
) -> Hook {
    Hook { name, kind: Kind::Refuses, need, absent: Some(absent), unless: Some(better) }
}

const PROTECT: Need = Need::For(op(Op::Protect));

/// Every hook.
pub const HOOKS: &[Hook] = &[
    hook("task_alloc", Need::Always),
    told("task_free", Need::Always),
    hook("bprm_check_security", Need::Always),
    told("bprm_committed_creds", Need::Always),
    told("sock_graft", Need::Sessions),
    hook("file_open", Need::For(op(Op::Open) | op(Op::Create))),
    hook("file_receive", Need::For(op(Op::Receive))),
    hook("mmap_file", Need::For(op(Op::MapExec) | op(Op::MemExec))),
    hook("file_mprotect", Need::For(op(Op::MapExec) | op(Op::MemExec))),
    hook("path_chmod", Need::For(op(Op::Chmod))),
    hook("path_truncate", Need::For(op(Op::Truncate))),
    since("file_truncate", Need::For(op(Op::Truncate)), "before 6.2 path_truncate is asked"),
    hook("path_mknod", Need::For(op(Op::Create))),
    told("d_instantiate", Need::For(op(Op::Create))),
    hook("path_mkdir", Need::For(op(Op::Create))),
    hook("path_symlink", Need::For(op(Op::Create))),
    hook("path_unlink", Need::For(op(Op::Remove))),
    hook("path_rmdir", Need::For(op(Op::Remove))),
    hook("path_link", Need::For(op(Op::Link))),
    hook("path_rename", Need::For(op(Op::Rename))),
    hook("inode_setattr", Need::For(op(Op::Setattr))),
    since("inode_set_acl", Need::For(op(Op::Setxattr)), "before 6.2 inode_setxattr is asked"),
    hook("inode_setxattr", Need::For(op(Op::Setxattr))),
    hook("socket_create", Need::For(op(Op::Socket))),
    hook("socket_bind", Need::For(op(Op::Bind))),
    hook("socket_connect", Need::For(op(Op::Connect))),
    hook("socket_sendmsg", Need::For(op(Op::Connect))),
    hook("kernel_read_file", PROTECT),
    hook("kernel_load_data", PROTECT),
    hook("bpf", PROTECT),
    hook("sb_mount", PROTECT),
    hook("move_mount", PROTECT),
    hook("sb_umount", PROTECT),
    hook("sb_remount", PROTECT),
    hook("sb_pivotroot", PROTECT),
    since("userns_create", PROTECT, "before 6.1 cred_prepare is asked"),
    before("userns_create", "cred_prepare", PROTECT, "since 6.1 userns_create is asked"),
    hook("syslog", PROTECT),
    hook("ptrace_access_check", PROTECT),
    hook("task_kill", PROTECT),
    hook("capable", Need::For(op(Op::Protect) | op(Op::Capable))),
];

/// The kernel's function behind a hook.
pub(crate) fn function_of(hook: &str) -> String {
    match hook {
        "bprm_check_security" => "security_bprm_check".to_owned(),
        "userns_create" => "security_create_user_ns".to_owned(),
        "cred_prepare" => "security_prepare_creds".to_owned(),
        _ => format!("security_{hook}"),
    }
}

impl Hook {
    /// Does this policy need it?
    #[must_use]
    pub fn is_needed(&self, blob: &Blob) -> bool {
        match self.need {
            Need::Always | Need::Sessions => true,
            // A pseudo terminal is seen when it is opened.
            Need::For(_) if self.name == "file_open" && blob.remote() & 1 == 1 => true,
            Need::For(ops) => blob.ops() & ops != 0,
        }
    }

    /// Operations that it serves; those without which the others mean nothing are in none.
    #[must_use]
    pub(crate) const fn ops(&self) -> Ops {
        match self.need {
            Need::For(ops) => ops,
            Need::Always | Need::Sessions => 0,
        }
    }
}
