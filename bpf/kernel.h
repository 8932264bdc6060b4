/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel's types that the guard and the recorder read. Every access is relocated at load time (CO-RE)
 * against the BTF of the running kernel, so order and other members do not matter; where a type
 * changed, both forms are here, told apart by what comes after three underscores.
 */
#ifndef KAKOI_KERNEL_H
#define KAKOI_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define NULL ((void *)0)
#define __hidden __attribute__((visibility("hidden")))

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29
};
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_NO_PREALLOC 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
	struct list_head s_mounts;
};

/* 6.18 and later: a plain chain instead of a list. */
struct super_block___chain {
	struct mount *s_mounts;
};

typedef struct {
	int counter;
} atomic_t;

struct inode {
	u16 i_mode;
	atomic_t i_writecount;
	u32 i_nlink;
	u32 i_rdev;
	u32 i_generation;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct list_head mnt_instance;
	void *mnt_ns;
};

struct mount___chain {
	struct mount *mnt_next_for_sb;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	u32 f_mode;
	u32 f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* A module: its types are in the module's own BTF. */
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
	unsigned long flags;
};

/* 5.18 and before */
struct ovl_inode___lower {
	struct inode *lower;
};

struct ovl_path {
	struct dentry *dentry;
};

/* 5.19 to 6.4 */
struct ovl_inode___path {
	struct ovl_path lowerpath;
};

struct ovl_entry {
	u32 __numlower;
	struct ovl_path __lowerstack[0];
};

/* 6.5 and later */
struct ovl_inode___entry {
	struct ovl_entry *oe;
};

struct mm_struct {
	void *pgd;
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
};

struct vm_area_struct {
	struct file *vm_file;
	unsigned long vm_flags;
};

struct linux_binprm {
	struct mm_struct *mm;
	unsigned long p;
	struct file *file;
	int argc;
	const char *filename;
	const char *interp;
	char buf[256];
};

struct tty_driver {
	int major;
};

struct tty_struct {
	struct tty_driver *driver;
};

struct signal_struct {
	struct tty_struct *tty;
};

struct sock_common {
	u16 skc_family;
	u16 skc_num;
	volatile unsigned char skc_state;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
};

struct socket {
	short type;
	struct sock *sk;
};

struct sockaddr {
	u16 sa_family;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
};

struct cred {
	u32 uid;
};

/* The size of an element of an array is not relocated: this one is whole. */
struct upid {
	int nr;
	void *ns;
};

struct pid {
	u32 level;
	struct upid numbers[0];
};

struct task_struct {
	struct pid *thread_pid;
	char comm[16];
	int pid;
	int tgid;
	void *stack;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
	const struct cred *cred;
};

struct iattr {
	u32 ia_valid;
	u16 ia_mode;
};

struct posix_acl_entry {
	short e_tag;
	unsigned short e_perm;
};

struct posix_acl {
	u32 a_count;
	struct posix_acl_entry a_entries[0];
};

#pragma clang attribute pop

struct bpf_iter_meta;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
/* x86-64: the number of the system call and its arguments. */
struct pt_regs {
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};
struct pt_regs___arm64 {
	s32 syscallno;
};
#pragma clang attribute pop

/* include/uapi/linux/stat.h and others: facts of the system-call interface. */
#define KIND_MASK 0170000u
#define KIND_FIFO 0010000u
#define KIND_CHARACTER 0020000u
#define KIND_DIRECTORY 0040000u
#define KIND_SOCKET 0140000u
#define KIND_BLOCK 0060000u
#define KIND_REGULAR 0100000u
#define KIND_SYMLINK 0120000u
#define KIND_SOCKET 0140000u

#define OPENED_READ 1u		/* FMODE_READ */
#define OPENED_WRITE 2u		/* FMODE_WRITE */
#define FLAG_TRUNCATE 01000u	/* O_TRUNC, alike on x86 and arm64 */
#define FLAG_PATH 010000000u	/* O_PATH, likewise */

#define EPERM 1
#define EAGAIN 11
#define ENOMEM 12

#define SB_KERNMOUNT (1ul << 22)

#define MAGIC_SQUASHFS 0x73717368ul
#define MAGIC_EROFS 0xe0f5e1e2ul
#define MAGIC_CRAMFS 0x28cd3d45ul
#define MAGIC_CRAMFS_BIG 0x453dcd28ul
#define MAGIC_ROMFS 0x7275ul
#define MAGIC_OVERLAY 0x794c7630ul
#define MAGIC_EXT 0xef53ul
#define MAGIC_F2FS 0xf2f52010ul
#define MAGIC_JFFS2 0x72b6ul
#define MAGIC_RAMFS 0x858458f6ul
#define MAGIC_TMPFS 0x01021994ul
#define MAGIC_UBIFS 0x24051905ul
#define MAGIC_XFS 0x58465342ul
#define MAGIC_PROC 0x9fa0ul
#define MAGIC_SYSFS 0x62656572ul
#define MAGIC_CGROUP 0x27e0ebul
#define MAGIC_BINFMT 0x42494e4dul
#define MAGIC_BPF 0xcafe4a11ul
#define MAGIC_DEVPTS 0x1cd1ul

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SIGKILL 9

#endif
