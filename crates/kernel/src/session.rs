// SPDX-License-Identifier: Apache-2.0
//! The system-call filter of an intruder's system: what a program of a small device needs stays, what only opens the kernel
//! to attack is refused as a kernel without it would.

use libc::{BPF_ALU, BPF_AND, BPF_JGE, BPF_JMP, BPF_K};

use crate::filter::{
    ARCHITECTURE_OFFSET, AUDIT_ARCHITECTURE, Filter, NUMBER_OFFSET, answer, instruction,
    jump_if_equal, load,
};

/// Offset of the low half of the first argument in `struct seccomp_data`; the next follow in steps of 8.
const ARGUMENTS_OFFSET: u32 = 16;

/// Every `CLONE_NEW*` flag that clone(2) takes.
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWCGROUP) as u32;

/// Sockets that a device has: local, IPv4, IPv6, and the routing family that `ip` asks.
const SOCKET_FAMILIES: [libc::c_int; 4] =
    [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Calls that a watcher gets to see before they are made ([`crate::Halt::Filtered`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handed {
    /// Those that run, remove or overwrite files, or open them for writing.
    pub files: bool,
    /// Those whose answers tell what system this is.
    pub answers: bool,
    /// Those that connect a socket.
    pub connections: bool,
    /// Of those whose answers tell, the ones that read links.
    pub links: bool,
}

/// The filter. Programs of another ABI of this machine get `ENOSYS`. What is handed to a watcher fails where there is none.
#[must_use]
pub fn session_filter(handed: Handed) -> Filter {
    let mut program = vec![
        load(ARCHITECTURE_OFFSET),
        jump_if_equal(AUDIT_ARCHITECTURE, 1, 0),
        answer(refuse(libc::ENOSYS)),
        load(NUMBER_OFFSET),
        // x32 calls carry bit 30.
        instruction(BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x4000_0000),
        answer(refuse(libc::ENOSYS)),
    ];
    let refused = REFUSED.iter().map(|call| (*call, libc::EPERM));
    for (call, error) in refused.chain(ABSENT.iter().map(|call| (*call, libc::ENOSYS))) {
        let Ok(number) = u32::try_from(call) else { continue };
        program.push(jump_if_equal(number, 0, 1));
        program.push(answer(refuse(error)));
    }
    clone(&mut program);
    socket(&mut program);
    hand(&mut program, handed);
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    Filter { program }
}

const fn refuse(error: libc::c_int) -> u32 {
    libc::SECCOMP_RET_ERRNO | error as u32
}

/// clone(2) with a new namespace.
fn clone(program: &mut Vec<libc::sock_filter>) {
    program.extend([
        jump_if_equal(libc::SYS_clone as u32, 0, 5),
        load(ARGUMENTS_OFFSET),
        instruction(BPF_ALU | BPF_AND | BPF_K, 0, 0, NEW_NAMESPACES),
        jump_if_equal(0, 1, 0),
        answer(refuse(libc::EPERM)),
        answer(libc::SECCOMP_RET_ALLOW),
    ]);
}

/// Sockets of other families.
fn socket(program: &mut Vec<libc::sock_filter>) {
    let families = SOCKET_FAMILIES.len() as u8;
    let check = |number: libc::c_long| jump_if_equal(number as u32, 0, families + 3);
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        program.push(check(call));
        program.push(load(ARGUMENTS_OFFSET));
        for (at, family) in (0_u8..).zip(SOCKET_FAMILIES) {
            program.push(jump_if_equal(family as u32, families - at, 0));
        }
        program.push(answer(refuse(libc::EAFNOSUPPORT)));
        program.push(answer(libc::SECCOMP_RET_ALLOW));
    }
}

/// What the watcher gets.
fn hand(program: &mut Vec<libc::sock_filter>, handed: Handed) {
    let groups = [
        (handed.files, HANDED_FILES),
        (handed.answers, HANDED_ANSWERS),
        (handed.connections, &[libc::SYS_connect]),
        (handed.links && !handed.answers, HANDED_LINKS),
    ];
    for call in groups.iter().filter(|(is, _)| *is).flat_map(|(_, calls)| *calls) {
        program.push(jump_if_equal(*call as u32, 0, 1));
        program.push(answer(libc::SECCOMP_RET_TRACE));
    }
    for (call, argument) in OPENING.iter().filter(|_| handed.files) {
        program.extend([
            jump_if_equal(*call as u32, 0, 5),
            load(ARGUMENTS_OFFSET + 8 * argument),
            instruction(BPF_ALU | BPF_AND | BPF_K, 0, 0, FOR_WRITING),
            jump_if_equal(0, 1, 0),
            answer(libc::SECCOMP_RET_TRACE),
            answer(libc::SECCOMP_RET_ALLOW),
        ]);
    }
}

/// Flags of open(2) that make or change a file.
const FOR_WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

/// Calls with these flags, and which argument they are.
const OPENING: &[(libc::c_long, u32)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
    (libc::SYS_openat, 2),
];

/// Calls that run, remove or replace files.
const HANDED_FILES: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_truncate,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_openat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
];

/// Calls whose answers tell a cell from a device.
const HANDED_ANSWERS: &[libc::c_long] = &[
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_readlinkat,
    libc::SYS_sendfile,
    libc::SYS_splice,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

const HANDED_LINKS: &[libc::c_long] = &[
    libc::SYS_readlinkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

/// Refused as a kernel refuses those without privilege.
const REFUSED: &[libc::c_long] = &[
    // Mounts: the root is what it is.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    // Namespaces inside namespaces open every interface of the kernel again.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Other processes' memory, and what the recorder itself relies on.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    // The kernel's code, clock and accounting.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// What a device's kernel of some years ago does not have at all.
const ABSENT: &[libc::c_long] = &[
    libc::SYS_bpf,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_fanotify_init,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_kexec_file_load,
    libc::SYS_memfd_secret,
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_mbind,
    libc::SYS_set_mempolicy,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_lookup_dcookie,
    libc::SYS_vmsplice,
    // Its flags are in memory, where a filter cannot look; C libraries fall back on clone(2).
    libc::SYS_clone3,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter answers, by stepping through it.
    fn ask(number: libc::c_long, first: u32) -> u32 {
        ask_of(Handed::default(), number, [first, 0, 0])
    }

    fn ask_of(handed: Handed, number: libc::c_long, arguments: [u32; 3]) -> u32 {
        let filter = session_filter(handed);
        let (mut at, mut value) = (0, 0_u32);
        loop {
            let step = filter.program()[at];
            at += 1;
            match u32::from(step.code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    value = match step.k {
                        ARCHITECTURE_OFFSET => AUDIT_ARCHITECTURE,
                        NUMBER_OFFSET => number as u32,
                        offset => arguments[(offset - ARGUMENTS_OFFSET) as usize / 8],
                    }
                }
                code if code == BPF_ALU | BPF_AND | BPF_K => value &= step.k,
                code if code == libc::BPF_RET | BPF_K => return step.k,
                code => {
                    let greater = code == BPF_JMP | BPF_JGE | BPF_K;
                    let holds = if greater { value >= step.k } else { value == step.k };
                    at += usize::from(if holds { step.jt } else { step.jf });
                }
            }
        }
    }

    #[test]
    fn calls_that_open_the_kernel_are_refused_and_plain_ones_are_not() {
        for call in REFUSED {
            assert_eq!(ask(*call, 0), refuse(libc::EPERM));
        }
        for call in ABSENT {
            assert_eq!(ask(*call, 0), refuse(libc::ENOSYS));
        }
        for call in [libc::SYS_read, libc::SYS_execve, libc::SYS_openat, libc::SYS_kill] {
            assert_eq!(ask(call, 0), libc::SECCOMP_RET_ALLOW);
        }
        assert_eq!(ask(0x4000_0000 | libc::SYS_read, 0), refuse(libc::ENOSYS));
    }

    #[test]
    fn a_watcher_gets_what_it_asked_for() {
        let handed = Handed { files: true, ..Handed::default() };
        let write = (libc::O_WRONLY | libc::O_CREAT) as u32;
        assert_eq!(ask_of(handed, libc::SYS_openat, [0, 0, write]), libc::SECCOMP_RET_TRACE);
        assert_eq!(ask_of(handed, libc::SYS_openat, [0, 0, 0]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(ask_of(handed, libc::SYS_execve, [0; 3]), libc::SECCOMP_RET_TRACE);
        assert_eq!(ask_of(handed, libc::SYS_uname, [0; 3]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(ask_of(handed, libc::SYS_mount, [0; 3]), refuse(libc::EPERM));
        let handed = Handed { answers: true, ..Handed::default() };
        assert_eq!(ask_of(handed, libc::SYS_uname, [0; 3]), libc::SECCOMP_RET_TRACE);
        assert_eq!(ask_of(handed, libc::SYS_openat, [0, 0, write]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(ask_of(handed, libc::SYS_connect, [0; 3]), libc::SECCOMP_RET_ALLOW);
        let handed = Handed { connections: true, ..Handed::default() };
        assert_eq!(ask_of(handed, libc::SYS_connect, [0; 3]), libc::SECCOMP_RET_TRACE);
    }

    #[test]
    fn processes_are_made_but_no_namespaces() {
        assert_eq!(ask(libc::SYS_clone, libc::SIGCHLD as u32), libc::SECCOMP_RET_ALLOW);
        assert_eq!(ask(libc::SYS_clone, libc::CLONE_NEWUSER as u32), refuse(libc::EPERM));
        assert_eq!(ask(libc::SYS_clone, libc::CLONE_NEWNET as u32), refuse(libc::EPERM));
    }

    #[test]
    fn only_sockets_that_a_device_has_are_made() {
        for call in [libc::SYS_socket, libc::SYS_socketpair] {
            for family in SOCKET_FAMILIES {
                assert_eq!(ask(call, family as u32), libc::SECCOMP_RET_ALLOW);
            }
            for family in [libc::AF_PACKET, libc::AF_ALG, libc::AF_VSOCK, libc::AF_BLUETOOTH] {
                assert_eq!(ask(call, family as u32), refuse(libc::EAFNOSUPPORT));
            }
        }
    }
}
