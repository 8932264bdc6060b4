/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to files: opened, made, changed, moved, mapped. Arguments are read from ctx by number,
 * earlier verdicts are the kernel's business: it does not call us after a refusal. */
#ifndef KAKOI_FILES_H
#define KAKOI_FILES_H

#define FOR_EXEC 0x20u			/* __FMODE_EXEC, which no system call can ask for */
#define FLAG_TMPFILE 020000000u		/* __O_TMPFILE */
#define CREATED 0x100000u		/* FMODE_CREATED: by this very open */
#define PROT_EXEC 4u
#define VM_EXEC 4u
#define RENAME_EXCHANGE 2u
#define PTMX_DEVICE ((5u << 20) | 2u)

/* Object of the attempt: a file, or an entry in a directory. */
static __always_inline void about(struct scratch *scratch, struct vfsmount *mount,
				  struct dentry *dentry, struct inode *inode)
{
	locate(scratch, mount, dentry);
	if (inode)
		look_at(scratch, inode, dentry);
}

static __always_inline void about_file(struct scratch *scratch, struct file *file)
{
	about(scratch, BPF_CORE_READ(file, f_path.mnt), BPF_CORE_READ(file, f_path.dentry),
	      BPF_CORE_READ(file, f_inode));
}

static __always_inline int about_path(u32 op, const struct path *path)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct scratch *scratch;
	int refused = begin(op, &scratch);

	if (!scratch)
		return refused;
	about(scratch, BPF_CORE_READ(path, mnt), dentry, BPF_CORE_READ(dentry, d_inode));
	return 1;
}

static __always_inline u32 access_of(struct file *file)
{
	u32 mode = BPF_CORE_READ(file, f_mode), flags = 0;

	if (mode & OPENED_READ)
		flags |= KK_A_READ;
	if (mode & OPENED_WRITE)
		flags |= KK_A_WRITE;
	if (BPF_CORE_READ(file, f_flags) & FLAG_TRUNCATE)
		flags |= KK_A_TRUNCATE;
	return flags;
}

/* A process that makes a pseudo terminal may be a login daemon that nobody listed. */
static __always_inline void heed_ptmx(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct mark mark;

	if ((BPF_CORE_READ(inode, i_mode) & KIND_MASK) != KIND_CHARACTER ||
	    BPF_CORE_READ(inode, i_rdev) != PTMX_DEVICE)
		return;
	current_mark(&mark);
	if (mark.traits & TRAIT_PTMX)
		return;
	mark.traits |= TRAIT_PTMX;
	store_current(&mark);
}

/* Who opens a file to write ends what its digest said; beneath an overlay the file that is really written is opened by
 * itself. And the agent opens what it is to check. */
static __always_inline void heed_open(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct inode_key key = {};

	if (access_of(file) & (KK_A_WRITE | KK_A_TRUNCATE)) {
		content_changes(inode);
	} else if (vouching.agent && vouching.agent == (u32)(bpf_get_current_pid_tgid() >> 32)) {
		vouching.answer = begin_check(inode, &key);
		vouching.inode = key.inode;
		vouching.device = key.device;
		vouching.generation = key.generation;
	}
}

static __always_inline int judge_open(struct file *file, u32 flags)
{
	struct scratch *scratch;
	int refused = begin_with_content(KK_OP_OPEN, BPF_CORE_READ(file, f_inode), &scratch);

	if (!scratch)
		return refused;
	about_file(scratch, file);
	scratch->attempt.flags = (u16)access_of(file);
	/* What this open has just made was no executable before; what it may become, CREATE judged. */
	if (BPF_CORE_READ(file, f_mode) & CREATED) {
		scratch->attempt.object.mode &= (u16)~KK_X_BITS;
		scratch->attempt.object.trust &= (u8)~KK_T_DIGEST;
	}
	if (flags & FLAG_TMPFILE) {
		/* No other hook sees that such a file is made. */
		scratch->attempt.op = KK_OP_CREATE;
		scratch->attempt.mode = scratch->attempt.object.mode;
		refused = judge();
		if (refused)
			return refused;
		scratch->attempt.op = KK_OP_OPEN;
		scratch->attempt.mode = 0;
	}
	return judge();
}

SEC("lsm/file_open")
int file_open(u64 *ctx)
{
	struct file *file = (void *)ctx[0];
	u32 flags = BPF_CORE_READ(file, f_flags);
	int refused;

	if (!guard.loaded || flags & (FLAG_PATH | FOR_EXEC))
		return 0;
	heed_ptmx(file);
	refused = judge_open(file, flags);
	if (refused)
		return refused;
	if (vouching.in_use)
		heed_open(file);
	return 0;
}

SEC("lsm/file_receive")
int file_receive(u64 *ctx)
{
	struct file *file = (void *)ctx[0];
	struct scratch *scratch;
	int refused = begin(KK_OP_RECEIVE, &scratch);

	if (!scratch)
		return refused;
	about_file(scratch, file);
	scratch->attempt.flags = (u16)(access_of(file) & ~KK_A_TRUNCATE);
	return judge();
}

static __always_inline int map_executable(struct file *file)
{
	struct scratch *scratch;
	int refused;

	if (!file) {
		refused = begin(KK_OP_MEM_EXEC, &scratch);
		return scratch ? judge() : refused;
	}
	refused = begin_with_content(KK_OP_MAP_EXEC, BPF_CORE_READ(file, f_inode), &scratch);
	if (!scratch)
		return refused;
	about_file(scratch, file);
	return judge();
}

SEC("lsm/mmap_file")
int mmap_file(u64 *ctx)
{
	u64 file = 0;

	if (!(ctx[2] & PROT_EXEC))
		return 0;
	/* Anonymous memory has no file, but the verifier takes the argument for never NULL and would
	 * drop the test for it. */
	bpf_probe_read_kernel(&file, sizeof(file), ctx);
	return map_executable((struct file *)file);
}

SEC("lsm/file_mprotect")
int file_mprotect(u64 *ctx)
{
	struct vm_area_struct *area = (void *)ctx[0];

	if (!(ctx[2] & PROT_EXEC) || BPF_CORE_READ(area, vm_flags) & VM_EXEC)
		return 0;
	return map_executable(BPF_CORE_READ(area, vm_file));
}

SEC("lsm/path_chmod")
int path_chmod(u64 *ctx)
{
	struct scratch *scratch;
	int refused = about_path(KK_OP_CHMOD, (struct path *)ctx[0]);

	if (refused <= 0)
		return refused;
	scratch = scratch_of_current();
	if (scratch)
		scratch->attempt.mode = (u16)(ctx[1] & 07777);
	return judge();
}

SEC("lsm/path_truncate")
int path_truncate(u64 *ctx)
{
	struct path *path = (void *)ctx[0];
	int refused = about_path(KK_OP_TRUNCATE, path);

	if (refused > 0)
		refused = judge();
	if (refused)
		return refused;
	if (vouching.in_use)
		content_changes(content_inode(BPF_CORE_READ(path, dentry, d_inode)));
	return 0;
}

SEC("lsm/file_truncate")
int file_truncate(u64 *ctx)
{
	struct file *file = (void *)ctx[0];
	struct scratch *scratch;
	int refused = begin(KK_OP_TRUNCATE, &scratch);

	if (scratch) {
		about_file(scratch, file);
		refused = judge();
	}
	if (refused)
		return refused;
	if (vouching.in_use)
		content_changes(content_inode(BPF_CORE_READ(file, f_inode)));
	return 0;
}

/* A new entry: nothing is there yet. */
static __always_inline int make(u32 type, struct path *directory, struct dentry *dentry, u32 mode)
{
	struct scratch *scratch;
	int refused = begin(KK_OP_CREATE, &scratch);

	if (!scratch)
		return refused;
	locate(scratch, BPF_CORE_READ(directory, mnt), dentry);
	scratch->attempt.object.type = (u8)type;
	scratch->attempt.mode = (u16)(mode & 07777);
	refused = judge();
	if (!refused && scratch->verdict.effects & KK_E_TAINT)
		scratch->made = (u64)dentry;
	return refused;
}

/* The entry that a held task is about to make has got its inode: its content is dropped from the first
 * byte on. (A pipe's reader may have opened it before its writer.) */
SEC("lsm/d_instantiate")
int d_instantiate(u64 *ctx)
{
	u64 inode = 0, dentry = ctx[0];
	struct scratch *scratch;

	if (!guard.loaded)
		return 0;
	scratch = scratch_of_current();
	if (!scratch || !scratch->made || scratch->made != dentry)
		return 0;
	bpf_probe_read_kernel(&inode, sizeof(inode), ctx + 1);
	scratch->made = 0;
	taint(inode, scratch->judged.session);
	return 0;
}

SEC("lsm/path_mknod")
int path_mknod(u64 *ctx)
{
	u32 mode = (u32)ctx[2];

	return make(mode & KIND_MASK ? type_of(mode) : KK_TYPE_REGULAR, (struct path *)ctx[0],
		    (struct dentry *)ctx[1], mode);
}

SEC("lsm/path_mkdir")
int path_mkdir(u64 *ctx)
{
	return make(KK_TYPE_DIRECTORY, (struct path *)ctx[0], (struct dentry *)ctx[1], (u32)ctx[2]);
}

SEC("lsm/path_symlink")
int path_symlink(u64 *ctx)
{
	return make(KK_TYPE_SYMLINK, (struct path *)ctx[0], (struct dentry *)ctx[1], 0777);
}

static __always_inline int take_away(struct path *directory, struct dentry *dentry)
{
	struct scratch *scratch;
	int refused = begin(KK_OP_REMOVE, &scratch);

	if (!scratch)
		return refused;
	about(scratch, BPF_CORE_READ(directory, mnt), dentry, BPF_CORE_READ(dentry, d_inode));
	return judge();
}

SEC("lsm/path_unlink")
int path_unlink(u64 *ctx)
{
	return take_away((struct path *)ctx[0], (struct dentry *)ctx[1]);
}

SEC("lsm/path_rmdir")
int path_rmdir(u64 *ctx)
{
	return take_away((struct path *)ctx[0], (struct dentry *)ctx[1]);
}

/* Two entries: what is moved or linked, and where to. */
static __always_inline int move(u32 op, struct vfsmount *mount, struct dentry *from,
				struct vfsmount *target_mount, struct dentry *to)
{
	struct scratch *scratch;
	int refused = begin(op, &scratch);

	if (!scratch)
		return refused;
	locate_target(scratch, target_mount, to);
	look_at_target(scratch, BPF_CORE_READ(to, d_inode), to);
	about(scratch, mount, from, BPF_CORE_READ(from, d_inode));
	return judge();
}

SEC("lsm/path_link")
int path_link(u64 *ctx)
{
	struct path *directory = (void *)ctx[1];
	struct vfsmount *mount = BPF_CORE_READ(directory, mnt);

	return move(KK_OP_LINK, mount, (struct dentry *)ctx[0], mount, (struct dentry *)ctx[2]);
}

SEC("lsm/path_rename")
int path_rename(u64 *ctx)
{
	struct vfsmount *from = BPF_CORE_READ((struct path *)ctx[0], mnt);
	struct vfsmount *to = BPF_CORE_READ((struct path *)ctx[2], mnt);
	int refused = move(KK_OP_RENAME, from, (struct dentry *)ctx[1], to, (struct dentry *)ctx[3]);

	if (refused || !config.rename_flags || !((u32)ctx[4] & RENAME_EXCHANGE))
		return refused;
	return move(KK_OP_RENAME, to, (struct dentry *)ctx[3], from, (struct dentry *)ctx[1]);
}

#endif
