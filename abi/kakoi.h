/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: what the guard's parts agree on. One header for the BPF objects, the kernel module, a host
 * program and (mirrored in crates/policy/src/abi, held equal by tests) Rust.
 *
 * Three things are laid out here:
 *  - the compiled policy, `policy.kkb`: little-endian, checked as a whole by kk_check() before use;
 *  - the mark of a task, struct kk_subject, which lineage (kk_fork, kk_exec, kk_accept) carries on;
 *  - one attempt, struct kk_attempt, which a hook fills in, and its verdict, struct kk_verdict.
 *
 * The code that works on them is in kakoi_blob.h (bounds, check), kakoi_match.h (paths, names,
 * argument vectors), kakoi_attempt.h, kakoi_control.h, kakoi_net.h, kakoi_decide.h (the decision) and
 * kakoi_lineage.h. It needs no C library, allocates nothing, and every loop has a constant bound. It is gnu89: kernels before 5.18 are built that way.
 *
 * What a hook cannot know it says so in `unknown`. Nothing is ever guessed in the caller: for a held
 * subject an unknown fact counts against it, see kk_decide().
 */
#ifndef KAKOI_H
#define KAKOI_H

/* The kernel's own names differ between user space, vmlinux.h and old headers; these do not. */
typedef unsigned char kk_u8;
typedef unsigned short kk_u16;
typedef unsigned int kk_u32;
typedef unsigned long long kk_u64;

#if defined(__bpf__)
#define KK_FN static inline __attribute__((always_inline, unused))
#else
#define KK_FN static inline __attribute__((unused))
#endif
/* A compile-time check that gnu89 has: the size of an array must not be negative. */
#define KK_ASSERT(name, truth) typedef char kk_assert_##name[(truth) ? 1 : -1] __attribute__((unused))

/* ---- policy.kkb ------------------------------------------------------------------------------ */

#define KK_MAGIC 0x424b4b81u	/* 0x81 'K' 'K' 'B' in the file */
#define KK_VERSION 2u		/* rises with every change of this layout */
#define KK_BLOB_MAX (1u << 20)	/* bytes; a power of two: BPF masks offsets with it */
#define KK_DOMAINS 64u		/* domains of one policy */
#define KK_CONTROLS 18u		/* enum kk_control */
#define KK_LABELS 512u		/* distinct lists of patterns */
#define KK_NETS 128u		/* network rules */
#define KK_PATH_MAX 1024u	/* bytes of a path that are matched; longer is unknown */
#define KK_NAME_MAX 64u		/* bytes of an applet's name that are matched */
#define KK_ARGV_MAX 256u	/* bytes of an argument vector that are looked at */
#define KK_NONE 0xffffu		/* no such label */
#define KK_CLASS_UNKNOWN 0xffffu /* the path or name is not known; class 0 is "matches nothing" */

/* Flags of the policy, u16 at KK_H_FLAGS. */
#define KK_PF_AUDIT 1u		/* log only, whatever the rules say */

/* Byte offsets in the header. Offsets in the blob are u32 and multiples of four. */
#define KK_H_MAGIC 0u		/* u32 */
#define KK_H_VERSION 4u		/* u16 */
#define KK_H_FLAGS 6u		/* u16 */
#define KK_H_SIZE 8u		/* u32: of the whole blob */
#define KK_H_CRC 12u		/* u32: CRC-32 (IEEE 802.3) of the blob, these four bytes taken as 0 */
#define KK_H_DOMAINS 16u	/* u32 offset, then */
#define KK_H_N_DOMAINS 20u	/* u16 */
#define KK_H_N_CLASSES 22u	/* u16 */
#define KK_H_CLASSES 24u	/* u32 offset */
#define KK_H_STATES 28u		/* u32 offset */
#define KK_H_N_STATES 32u	/* u16 */
#define KK_H_EDGES 36u		/* u32 offset */
#define KK_H_N_EDGES 40u	/* u32 */
#define KK_H_START_PATH 44u	/* u16: state in which a path begins */
#define KK_H_START_NAME 46u	/* u16: state in which an applet's name begins */
#define KK_H_NETS 48u		/* u32 offset */
#define KK_H_N_NETS 52u		/* u16 */
#define KK_H_N_FILTERS 54u	/* u16 */
#define KK_H_FILTERS 56u	/* u32 offset */
#define KK_H_EVERYONE 60u	/* u32[2]: domains of every task, held or not */
#define KK_H_UNKNOWN 68u	/* u32[2]: domains of a task whose mark was lost */
#define KK_H_STICKY 76u		/* u32[2]: domains that are never left */
#define KK_H_TAINTING 84u	/* u32[2]: domains whose writes are dropped content */
#define KK_H_OVERRIDE 92u	/* u32[2]: domains that a maintenance override lifts */
#define KK_H_OVERRIDE_CONTROLS 100u /* u32: controls that it lifts, bit by enum kk_control */
#define KK_H_EVERYONE_OPS 104u	/* u32: operations that rules for everyone judge, bit by enum kk_op */
#define KK_H_DIGEST 108u	/* u8[16]: first half of the SHA-256 of the policy text */
#define KK_H_AUTHORITY 124u	/* u32 offset: who may grant an override, for the agent; 0: nobody is named */
#define KK_HEADER 128u		/* size */

/* Who may grant an override: u32 1 if the console may, u32 number of keys, then Ed25519 public keys. */
#define KK_AUTHORITY 8u
#define KK_KEYS 16u
#define KK_KEY 32u

/* One domain: its record is KK_DOMAIN bytes. */
#define KK_D_NAME 0u		/* u8[32], NUL-terminated */
#define KK_D_FLAGS 32u		/* u32, KK_DF_* */
#define KK_D_PARENTS 36u	/* u32[2]: entered only from one of these; 0: from anywhere */
#define KK_D_REPLACES 44u	/* u32[2]: left when this one is entered */
#define KK_D_ENTER 52u		/* u16 label: programs that enter it */
#define KK_D_DAEMONS 54u	/* u16 label: login daemons whose sessions enter it */
#define KK_D_REMOTE 56u		/* u32: KK_REMOTE_* that enter it */
#define KK_D_PROTECT 60u	/* u32: bit by enum kk_protect, judged by KK_C_SELF_PROTECT */
#define KK_D_CAPS 64u		/* u32[2]: capabilities that are allowed */
#define KK_D_FAMILIES 72u	/* u32[2]: address families that are allowed */
#define KK_D_RULES 80u		/* KK_CONTROLS rules */
#define KK_DOMAIN (80u + KK_CONTROLS * 16u)

#define KK_DF_BY_PARENT 1u	/* every exec in a parent enters it, whatever the program */
#define KK_DF_EVERYONE 2u	/* rules for free tasks too: unknown provenance counts as untainted,
				 * and standard input is not judged */

/* One rule: 16 bytes. A rule with action allow judges nothing. */
#define KK_R_ACTION 0u		/* u8, enum kk_action */
#define KK_R_FLAGS 1u		/* u8, KK_RF_* */
#define KK_R_ERRNO 2u		/* u8: what a refused call returns */
#define KK_R_TRUST 3u		/* u8: KK_T_* that count as trusted here */
#define KK_R_ID 4u		/* u16: place in the file; unique */
#define KK_R_EXCEPT 6u		/* u16 label: what it does not judge */
#define KK_R_ONLY 8u		/* u16 label: all that it judges */
#define KK_R_TRUSTED 10u	/* u16 label: paths that count as trusted here */
#define KK_RULE 16u

#define KK_RF_AUDIT 1u		/* log only */
#define KK_RF_DIRECTORIES 2u	/* grant-exec: the x bits of directories too */

/* One class: what all paths (or names) that end in one state of the automaton have in common. */
#define KK_K_PROGRAM 0u		/* u16: KK_P_* */
#define KK_K_PROTECT 2u		/* u16: kinds of self-protection that a change of such a file is */
#define KK_K_LABELS 4u		/* u32[KK_LABELS / 32] */
#define KK_CLASS (4u + KK_LABELS / 8u)

/* One state: u32 base into the edges, u16 next state by default, u16 class if the text ends here.
 * An edge at base + byte, u16 check and u16 next, holds when check is the state it belongs to. */
#define KK_S_BASE 0u
#define KK_S_DEFAULT 4u
#define KK_S_CLASS 6u
#define KK_STATE 8u
#define KK_EDGE 4u

/* One network rule. */
#define KK_N_DOMAIN 0u		/* u8 */
#define KK_N_OPS 1u		/* u8: 1 bind, 2 connect */
#define KK_N_PROTOCOL 2u	/* u8: IPPROTO_*, 0 any */
#define KK_N_FAMILY 3u		/* u8: AF_*, 0 any */
#define KK_N_LOW 4u		/* u16: first port */
#define KK_N_HIGH 6u		/* u16: last port */
#define KK_N_PREFIX 8u		/* u8: bits of the address that count */
#define KK_N_ADDRESS 12u	/* u8[16], network order; IPv4 in the first four */
#define KK_NET 28u

/* One seccomp filter, attached when its domain is entered: u32 domain, u32 AUDIT_ARCH_*, u32 offset,
 * u32 instructions. An instruction is u16 code, u8 jt, u8 jf, u32 k. */
#define KK_FILTER 16u
#define KK_FILTER_INSNS 4096u

/* ---- words ------------------------------------------------------------------------------------ */

/* Operations: families of system calls, not names. Filled in by hooks as the comments say. */
enum kk_op {
	KK_OP_NONE = 0,
	KK_OP_EXEC = 1,		/* bprm_check, binfmt handler; also the interpreter of a script */
	KK_OP_MAP_EXEC = 2,	/* mmap_file with PROT_EXEC, file_mprotect of a file mapping */
	KK_OP_MEM_EXEC = 3,	/* the same without a file */
	KK_OP_OPEN = 4,		/* file_open: access says read, write, truncate */
	KK_OP_CREATE = 5,	/* inode_create, inode_mknod, inode_mkdir, O_TMPFILE; mode as requested */
	KK_OP_CHMOD = 6,	/* path_chmod, inode_setattr, notify_change with ATTR_MODE */
	KK_OP_SETXATTR = 7,	/* inode_setxattr, inode_set_acl; arg is enum kk_xattr */
	KK_OP_TRUNCATE = 8,	/* path_truncate, file_truncate */
	KK_OP_LINK = 9,		/* inode_link: object is the file, target the new name */
	KK_OP_RENAME = 10,	/* inode_rename: object moves, target is what was there before */
	KK_OP_REMOVE = 11,	/* inode_unlink, inode_rmdir */
	KK_OP_SETATTR = 12,	/* owner, times */
	KK_OP_RECEIVE = 13,	/* file_receive: a descriptor from another process; access as opened */
	KK_OP_SOCKET = 14,	/* socket_create: family */
	KK_OP_BIND = 15,	/* socket_bind: protocol, port, address */
	KK_OP_CONNECT = 16,	/* socket_connect, sendmsg with an address */
	KK_OP_CAPABLE = 17,	/* capable; arg is CAP_* */
	KK_OP_PROTECT = 18,	/* what has a hook of its own; arg is enum kk_protect */
	KK_OPS = 19
};

enum kk_control {
	KK_C_SHELL_START = 0,
	KK_C_SCRIPT_EXEC = 1,
	KK_C_GRANT_EXEC = 2,
	KK_C_WRITE_EXEC = 3,
	KK_C_EXEC_OUTSIDE = 4,
	KK_C_RUN_DROPPED = 5,
	KK_C_INTERPRET_DROPPED = 6,
	KK_C_EXEC_MEMORY = 7,
	KK_C_SELF_PROTECT = 8,
	KK_C_FILES_READ = 9,
	KK_C_FILES_WRITE = 10,
	KK_C_FILES_FORBID = 11,
	KK_C_EXEC_LIST = 12,
	KK_C_EXEC_FORBID = 13,
	KK_C_NET_BIND = 14,
	KK_C_NET_CONNECT = 15,
	KK_C_NET_FAMILY = 16,
	KK_C_CAPABILITIES = 17
};

/* Ordered by strictness. */
enum kk_action {
	KK_ALLOW = 0,
	KK_AUDIT = 1,
	KK_REWRITE = 2,
	KK_DENY = 3,
	KK_KILL = 4
};

/* What a held process must not touch, lest the guard ends. */
enum kk_protect {
	KK_X_MODULE = 0,	/* load or unload a kernel module (kernel_read_file, kernel_load_data) */
	KK_X_BPF = 1,		/* any bpf() command */
	KK_X_PTRACE = 2,	/* trace, or write the memory of, a process outside the domain */
	KK_X_SIGNAL = 3,	/* a signal to the agent or a process that the policy protects */
	KK_X_MOUNT = 4,		/* mount, remount, move, unmount, pivot_root */
	KK_X_DEVICE = 5,	/* write to a raw block, flash, memory or port device; iopl, ioperm */
	KK_X_HELPER = 6,	/* what the kernel starts by name: core_pattern, modprobe, binfmt_misc */
	KK_X_KEXEC = 7,
	KK_X_REBOOT = 8,
	KK_X_POLICY = 9,	/* the guard's own files, pins and devices */
	KK_X_LOG = 10,		/* clear the kernel log */
	KK_X_NAMESPACE = 11,	/* new user or mount namespace, setns */
	KK_X_MEMORY = 12,	/* open /proc/PID/mem for writing, also one's own */
	KK_X_START_UP = 13,	/* what others run later: inittab, crontabs, rc, hotplug, ld.so.preload */
	KK_PROTECTS = 14
};

enum kk_xattr {
	KK_XATTR_OTHER = 0,
	KK_XATTR_ACL = 1,	/* system.posix_acl_access; mode is what it makes of the mode */
	KK_XATTR_CAPABILITY = 2	/* security.capability */
};

/* Kinds of programs, a bit mask. */
#define KK_P_SHELL 1u		/* command from -c, a file operand, or standard input */
#define KK_P_SCRIPTING 2u	/* perl, python, lua, php: the same */
#define KK_P_FILTER 4u		/* awk, sed: program from -f or the first operand */
#define KK_P_MULTICALL 8u	/* busybox, toybox: the applet is in the argument vector */
#define KK_P_DEPUTY 16u		/* runs what files tell it: crond, init, udevd */
#define KK_P_READS_CODE (KK_P_SHELL | KK_P_SCRIPTING | KK_P_FILTER | KK_P_DEPUTY)

/* File types. */
#define KK_TYPE_NONE 0u
#define KK_TYPE_REGULAR 1u
#define KK_TYPE_DIRECTORY 2u
#define KK_TYPE_CHARACTER 3u
#define KK_TYPE_BLOCK 4u
#define KK_TYPE_FIFO 5u
#define KK_TYPE_SOCKET 6u
#define KK_TYPE_SYMLINK 7u

/* Why content is trusted, a bit mask. */
#define KK_T_READ_ONLY 1u	/* lies on squashfs, erofs, cramfs, romfs: a file system that cannot be written */
#define KK_T_VERITY 2u		/* dm-verity or fs-verity vouches for it */
#define KK_T_DIGEST 4u		/* its digest is in the loaded list */
#define KK_T_INITRAMFS 8u	/* lies on the root that the kernel unpacked at boot */
#define KK_T_UNTAINTED 16u	/* only in rules: whatever no held process has written */

/* struct kk_object.flags */
#define KK_O_TAINTED 1u		/* written by a domain that drops */
#define KK_O_UNLINKED 2u	/* has no name: memfd, deleted, O_TMPFILE */
#define KK_O_SCRIPT 4u		/* begins with #! */
#define KK_O_EXISTS 8u		/* target of a rename: something is there */
#define KK_O_PROC_MEM 16u	/* /proc/PID/mem, by inode operations, wherever it is mounted */
#define KK_O_HELPER 32u		/* /proc/sys/kernel/{core_pattern,modprobe,…}, likewise */
#define KK_O_RAW_DEVICE 64u	/* MTD, /dev/mem, /dev/port, by device number */

/* struct kk_attempt.flags */
#define KK_A_READ 1u
#define KK_A_WRITE 2u
#define KK_A_TRUNCATE 4u
#define KK_A_VIA_SCRIPT 8u	/* this program was named by the #! line of a script judged before */
#define KK_A_CAN_REWRITE 16u	/* this hook can change the mode that the kernel uses */
#define KK_A_OVERRIDE 32u	/* an override, granted from outside and not expired, covers this session */

/* struct kk_attempt.unknown: facts that the hook could not establish. */
#define KK_U_PATH 1u		/* object.class_ */
#define KK_U_TARGET 2u		/* target.class_ */
#define KK_U_ARGV 4u		/* applet, argv */
#define KK_U_STDIN 8u
#define KK_U_TAINT 16u
#define KK_U_MODE 32u		/* object.mode; target.mode */

/* Where a program that reads code gets it from; kk_argv() tells. */
#define KK_ARGV_OTHER 0u	/* not a program that reads code */
#define KK_ARGV_STDIN 1u
#define KK_ARGV_COMMAND 2u	/* -c, -e, an awk program */
#define KK_ARGV_FILE 3u

/* What standard input is. */
#define KK_STDIN_OTHER 0u	/* closed, /dev/null, another device */
#define KK_STDIN_TTY 1u
#define KK_STDIN_FILE 2u
#define KK_STDIN_PIPE 3u
#define KK_STDIN_SOCKET 4u

/* What a remote session looks like without configuration; see docs/POLICY.md. */
#define KK_REMOTE_PTY 1u	/* controlling terminal is a pty whose master a process with an accepted connection holds */
#define KK_REMOTE_SOCKET 2u	/* descriptor 0, 1 or 2 is a connected internet socket */

/* struct kk_subject.flags */
#define KK_SF_ACCEPTED 1u	/* a login daemon that has taken a connection */
#define KK_SF_UNKNOWN 2u	/* the mark was lost, or two sources disagree */

/* ---- structures, native byte order ------------------------------------------------------------ */

/* The mark of a task. All zero: not held. */
struct kk_subject {
	kk_u32 domains[2];	/* domains it is in */
	kk_u32 daemon[2];	/* domains that its sessions enter: it is a login daemon */
	kk_u32 session;		/* serial number of the login, for events and overrides */
	kk_u16 flags;		/* KK_SF_* */
	kk_u16 program;		/* KK_P_* of what it runs */
	kk_u16 class_;		/* class of what it runs */
	kk_u16 applet;		/* and of its applet */
};

struct kk_object {
	kk_u16 class_;		/* kk_match() of its path, from the root of the initial namespace */
	kk_u16 mode;		/* permission bits, 07777, as they are now */
	kk_u8 type;		/* KK_TYPE_* */
	kk_u8 trust;		/* KK_T_*, without UNTAINTED */
	kk_u16 flags;		/* KK_O_* */
};

struct kk_attempt {
	kk_u8 op;		/* enum kk_op */
	kk_u8 arg;
	kk_u8 argv;		/* KK_ARGV_* */
	kk_u8 standard_input;	/* KK_STDIN_* */
	kk_u16 applet;		/* class of the applet's name; 0 where there is none */
	kk_u16 mode;		/* requested permission bits, 07777 */
	kk_u16 flags;		/* KK_A_* */
	kk_u16 unknown;		/* KK_U_* */
	kk_u8 family;		/* AF_* */
	kk_u8 protocol;		/* IPPROTO_* */
	kk_u16 port;		/* host order */
	kk_u8 address[16];	/* network order; IPv4 in the first four */
	struct kk_object object;
	struct kk_object target;
};

struct kk_verdict {
	kk_u8 action;		/* enum kk_action: what to do */
	kk_u8 would;		/* what the rule says; differs when it only audits */
	kk_u8 control;		/* enum kk_control; with domain and rule valid unless action is allow */
	kk_u8 domain;
	kk_u16 rule;
	kk_u16 error;		/* errno, positive, for deny and kill */
	kk_u16 mode;		/* for rewrite: the mode to use instead */
	kk_u16 effects;		/* KK_E_* */
};

#define KK_E_TAINT 1u		/* the object is dropped content from now on: mark it */
#define KK_E_OVERRIDDEN 2u	/* a rule would have refused, but for the override */

KK_ASSERT(subject_is_28_bytes, sizeof(struct kk_subject) == 28);
KK_ASSERT(object_is_8_bytes, sizeof(struct kk_object) == 8);
KK_ASSERT(attempt_is_48_bytes, sizeof(struct kk_attempt) == 48);
KK_ASSERT(verdict_is_12_bytes, sizeof(struct kk_verdict) == 12);
KK_ASSERT(class_is_whole_words, KK_CLASS % 4u == 0);
KK_ASSERT(domain_is_whole_words, KK_DOMAIN % 4u == 0);

#endif
