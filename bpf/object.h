/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is acted upon: type, mode, provenance and trust of an inode, and its path from the root of the
 * initial namespace. Everything is read by address and may fail; a failure is an unknown fact.
 *
 * The functions that are not inlined are verified once in each program, and take their place to work
 * in from the scratch of the current task, so that 5.10 accepts them (no pointers as arguments there).
 */
#ifndef KAKOI_OBJECT_H
#define KAKOI_OBJECT_H

static __always_inline u32 type_of(u32 mode)
{
	switch (mode & KIND_MASK) {
	case KIND_REGULAR:
		return KK_TYPE_REGULAR;
	case KIND_DIRECTORY:
		return KK_TYPE_DIRECTORY;
	case KIND_CHARACTER:
		return KK_TYPE_CHARACTER;
	case KIND_BLOCK:
		return KK_TYPE_BLOCK;
	case KIND_FIFO:
		return KK_TYPE_FIFO;
	case KIND_SOCKET:
		return KK_TYPE_SOCKET;
	case KIND_SYMLINK:
		return KK_TYPE_SYMLINK;
	default:
		return KK_TYPE_NONE;
	}
}

static __always_inline int cannot_be_written(unsigned long magic)
{
	return magic == MAGIC_SQUASHFS || magic == MAGIC_EROFS || magic == MAGIC_CRAMFS ||
	       magic == MAGIC_CRAMFS_BIG || magic == MAGIC_ROMFS;
}

/* A file of an overlay is as trustworthy as the lower file, as long as there is no upper one. */
static __always_inline struct inode *lower_inode(struct inode *inode)
{
	struct ovl_inode *overlay;
	struct ovl_entry *entry;

	if (!bpf_core_type_exists(struct ovl_inode))
		return NULL;
	overlay = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
	if (BPF_CORE_READ(overlay, __upperdentry))
		return NULL;
	if (bpf_core_field_exists(((struct ovl_inode___entry *)0)->oe)) {
		entry = BPF_CORE_READ((struct ovl_inode___entry *)overlay, oe);
		if (!entry || !BPF_CORE_READ(entry, __numlower))
			return NULL;
		return BPF_CORE_READ(entry, __lowerstack[0].dentry, d_inode);
	}
	if (bpf_core_field_exists(((struct ovl_inode___path *)0)->lowerpath))
		return BPF_CORE_READ((struct ovl_inode___path *)overlay, lowerpath.dentry, d_inode);
	if (bpf_core_field_exists(((struct ovl_inode___lower *)0)->lower))
		return BPF_CORE_READ((struct ovl_inode___lower *)overlay, lower);
	return NULL;
}

static __always_inline u32 trust_of(struct inode *inode)
{
	struct super_block *block = BPF_CORE_READ(inode, i_sb);
	unsigned long magic = BPF_CORE_READ(block, s_magic);
	u32 device, *trust;

	if (magic == MAGIC_OVERLAY) {
		inode = lower_inode(inode);
		if (!inode)
			return 0;
		block = BPF_CORE_READ(inode, i_sb);
		magic = BPF_CORE_READ(block, s_magic);
	}
	if (cannot_be_written(magic))
		return KK_T_READ_ONLY;
	device = BPF_CORE_READ(block, s_dev);
	trust = bpf_map_lookup_elem(&trusted, &device);
	return trust ? *trust : 0;
}

#define OVERLAY_DATA_ABOVE (1ul << 3)	/* OVL_UPPERDATA, fs/overlayfs/ovl_entry.h: not only its attributes */

/* The inode that holds the content: beneath an overlay the upper or the lower one. NULL: not known. */
static __always_inline struct inode *content_inode(struct inode *inode)
{
	struct ovl_inode *overlay;
	struct dentry *upper;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != MAGIC_OVERLAY)
		return inode;
	if (!bpf_core_type_exists(struct ovl_inode))
		return NULL;
	overlay = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode);
	upper = BPF_CORE_READ(overlay, __upperdentry);
	if (!upper)
		return lower_inode(inode);
	return BPF_CORE_READ(overlay, flags) & OVERLAY_DATA_ABOVE ? BPF_CORE_READ(upper, d_inode) :
								    NULL;
}

/* MTD, UBI's raw relatives, and windows into memory, by number: the name may be anything. */
static __always_inline int is_raw_device(u32 device)
{
	u32 major = device >> 20, minor = device & 0xfffff;

	return major == 90 || (major == 1 && (minor == 1 || minor == 2 || minor == 4));
}

static __always_inline int name_is(const char *name, const char *wanted, u32 size)
{
	for (u32 at = 0; at < size; at++)
		if (name[at] != wanted[at])
			return 0;
	return 1;
}
#define IS(name, text) name_is(name, text, sizeof(text))

/* Files of the kernel that are known by where they come from, whatever is mounted where. */
static __always_inline u32 kernel_file(struct dentry *dentry, unsigned long magic)
{
	char name[24] = {};

	if (magic != MAGIC_PROC && magic != MAGIC_SYSFS && magic != MAGIC_CGROUP &&
	    magic != MAGIC_BINFMT)
		return 0;
	if (magic == MAGIC_BINFMT)
		return KK_O_HELPER;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	if (magic == MAGIC_PROC && IS(name, "mem"))
		return KK_O_PROC_MEM;
	if (magic == MAGIC_PROC && (IS(name, "core_pattern") || IS(name, "modprobe") ||
				    IS(name, "hotplug") || IS(name, "poweroff_cmd")))
		return KK_O_HELPER;
	if (magic == MAGIC_SYSFS && IS(name, "uevent_helper"))
		return KK_O_HELPER;
	return magic == MAGIC_CGROUP && IS(name, "release_agent") ? KK_O_HELPER : 0;
}

static __always_inline void key_of(struct inode *inode, struct inode_key *key)
{
	key->inode = BPF_CORE_READ(inode, i_ino);
	key->device = BPF_CORE_READ(inode, i_sb, s_dev);
	key->generation = BPF_CORE_READ(inode, i_generation);
}

/* Has the agent confirmed its digest, and has nobody changed it since? */
static __always_inline int is_vouched(struct inode *inode)
{
	struct inode_key key = {};
	u32 *state;

	if (!vouching.in_use)
		return 0;
	inode = content_inode(inode);
	if (!inode)
		return 0;
	key_of(inode, &key);
	state = bpf_map_lookup_elem(&vouched, &key);
	return state && *state == VOUCH_STATE_CONFIRMED;
}

/* Nobody vouches for it any more, and no check that is under way can be confirmed. */
static __always_inline void content_changes(struct inode *inode)
{
	struct inode_key key = {};

	if (!vouching.in_use || !inode)
		return;
	key_of(inode, &key);
	if (!bpf_map_lookup_elem(&vouched, &key))
		return;
	bpf_map_delete_elem(&vouched, &key);
	vouching.changed++;
}

/* File systems that change content by nobody's open but ours, and that never show two contents under one number. */
static __always_inline int keeps_numbers(unsigned long magic)
{
	return magic == MAGIC_EXT || magic == MAGIC_F2FS || magic == MAGIC_JFFS2 || magic == MAGIC_RAMFS ||
	       magic == MAGIC_TMPFS || magic == MAGIC_UBIFS || magic == MAGIC_XFS;
}

/* The agent opened it to check its digest. It is entered first and then asked about: the kernel counts a writer before it
 * asks us, so whoever is not counted yet will find the entry. */
static __always_inline u32 begin_check(struct inode *inode, struct inode_key *key)
{
	u32 state = VOUCH_STATE_CHECKING;

	inode = content_inode(inode);
	if (!inode || !keeps_numbers(BPF_CORE_READ(inode, i_sb, s_magic)))
		return VOUCH_SYSTEM;
	if ((BPF_CORE_READ(inode, i_mode) & KIND_MASK) != KIND_REGULAR)
		return VOUCH_NO_FILE;
	key_of(inode, key);
	if (bpf_map_update_elem(&vouched, key, &state, BPF_ANY))
		return VOUCH_FULL;
	if (BPF_CORE_READ(inode, i_writecount.counter) <= 0)
		return VOUCH_CHECKED;
	bpf_map_delete_elem(&vouched, key);
	return VOUCH_WRITTEN;
}

static __always_inline void fill(struct kk_object *object, struct inode *inode,
				 struct dentry *dentry)
{
	u32 mode = BPF_CORE_READ(inode, i_mode);
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	struct inode_key key = {};

	object->mode = (u16)(mode & 07777);
	object->type = (u8)type_of(mode);
	object->trust = (u8)trust_of(inode);
	if (is_vouched(inode))
		object->trust |= KK_T_DIGEST;
	object->flags = (u16)kernel_file(dentry, magic);
	if (!BPF_CORE_READ(inode, i_nlink))
		object->flags |= KK_O_UNLINKED;
	if (object->type == KK_TYPE_CHARACTER && is_raw_device(BPF_CORE_READ(inode, i_rdev)))
		object->flags |= KK_O_RAW_DEVICE;
	key_of(inode, &key);
	if (bpf_map_lookup_elem(&dropped, &key))
		object->flags |= KK_O_TAINTED;
}

/* The file of the attempt: `inode` and `entry` of the scratch. */
__noinline int guard_object(void)
{
	struct scratch *scratch = scratch_of_current();

	if (!scratch)
		return 0;
	fill(&scratch->attempt.object, (void *)scratch->inode, (void *)scratch->entry);
	if (seen.taint_lost && !(scratch->attempt.object.flags & KK_O_TAINTED))
		scratch->attempt.unknown |= KK_U_TAINT;
	return 0;
}

/* What was there before, for rename and link: likewise. */
__noinline int guard_target(void)
{
	struct scratch *scratch = scratch_of_current();

	if (!scratch || !scratch->inode)
		return 0;
	fill(&scratch->attempt.target, (void *)scratch->inode, (void *)scratch->entry);
	scratch->attempt.target.flags |= KK_O_EXISTS;
	return 0;
}

/* A function cannot take the kernel's pointers, so they go through the scratch. */
static __always_inline void look_at(struct scratch *scratch, struct inode *inode,
				    struct dentry *dentry)
{
	scratch->inode = (u64)inode;
	scratch->entry = (u64)dentry;
	guard_object();
}

static __always_inline void look_at_target(struct scratch *scratch, struct inode *inode,
					   struct dentry *dentry)
{
	scratch->inode = (u64)inode;
	scratch->entry = (u64)dentry;
	guard_target();
	scratch->inode = 0;
}

/* The content of the object is dropped from now on. */
static __always_inline void taint(u64 inode, u32 session)
{
	struct inode_key key = {};

	if (!inode)
		return;
	key_of((struct inode *)inode, &key);
	if (bpf_map_lookup_elem(&dropped, &key))
		return;
	if (bpf_map_update_elem(&dropped, &key, &session, BPF_ANY)) {
		seen.taint_lost = 1;
		return;
	}
	seen.tainted++;
}

#endif
