// SPDX-License-Identifier: GPL-2.0-only
/* The facts of a file: path, type, mode, trust, provenance. */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/slab.h>

#include "kakoi_lkm.h"

/* Room for one path: its end is used, so a longer one does not fit and is unknown. */
#define ROOM (KK_PATH_MAX + 8)

/* Superblock magics that linux/magic.h lacks in some kernels. */
#define MAGIC_EROFS 0xE0F5E1E2u
#define MAGIC_CRAMFS 0x28cd3d45u
#define MAGIC_ROMFS 0x7275u

/* Rooms have a constructor for one reason: what has one is not wiped at each allocation, which on kernels that wipe
 * (init_on_alloc) would cost more than all the rest. A path is written before it is read, and never leaves. */
static struct kmem_cache *rooms;

static void no_wipe(void *room)
{
}

int kakoi_objects_begin(void)
{
	rooms = kmem_cache_create("kakoi_path", ROOM, 0, 0, no_wipe);
	return rooms ? 0 : -ENOMEM;
}

void kakoi_objects_end(void)
{
	kmem_cache_destroy(rooms);
}

void kakoi_begin(struct kakoi_case *c, enum kk_op op, gfp_t memory)
{
	memset(c, 0, sizeof(*c));
	c->attempt.op = op;
	c->memory = memory;
	kakoi_subject_of(current, &c->subject);
}

void kakoi_end(struct kakoi_case *c)
{
	if (c->room[0])
		kmem_cache_free(rooms, c->room[0]);
	if (c->room[1])
		kmem_cache_free(rooms, c->room[1]);
}

u8 kakoi_type(umode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return KK_TYPE_REGULAR;
	case S_IFDIR:
		return KK_TYPE_DIRECTORY;
	case S_IFCHR:
		return KK_TYPE_CHARACTER;
	case S_IFBLK:
		return KK_TYPE_BLOCK;
	case S_IFIFO:
		return KK_TYPE_FIFO;
	case S_IFSOCK:
		return KK_TYPE_SOCKET;
	case S_IFLNK:
		return KK_TYPE_SYMLINK;
	default:
		return KK_TYPE_NONE;
	}
}

/* ---- paths ------------------------------------------------------------------------------------------- */

/* `half`: 0 for the object, 1 for the target. NULL: it cannot be told. */
static const char *path_text(struct kakoi_case *c, const struct path *path, int half)
{
	char *text;

	if (!c->room[half])
		c->room[half] = kmem_cache_alloc(rooms, c->memory);
	if (!c->room[half])
		return NULL;
	text = kakoi_absolute_path(path, c->room[half], ROOM);
	return IS_ERR(text) ? NULL : text;
}

/* A file that has no place in the tree: matched by no pattern, and that is known. */
static bool has_no_place(const struct path *path)
{
	const struct inode *inode = d_backing_inode(path->dentry);

	return (inode && !inode->i_nlink && !S_ISDIR(inode->i_mode)) || d_unlinked(path->dentry) ||
	       path->dentry->d_sb->s_flags & SB_NOUSER;
}

/* ---- trust ------------------------------------------------------------------------------------------- */

static bool cannot_be_written(const struct super_block *sb)
{
	switch (sb->s_magic) {
	case SQUASHFS_MAGIC:
	case MAGIC_EROFS:
	case MAGIC_CRAMFS:
	case MAGIC_ROMFS:
		return true;
	default:
		return false;
	}
}

static u8 trust_of(const struct dentry *dentry)
{
	const struct inode *real = d_real_inode(dentry);
	const struct super_block *sb = real ? real->i_sb : dentry->d_sb;
	u8 trust = 0;

	if (cannot_be_written(sb))
		trust |= KK_T_READ_ONLY;
	if (real && IS_VERITY(real))
		trust |= KK_T_VERITY;
	if (real && kakoi_vouched(real))
		trust |= KK_T_DIGEST;
	if (!strcmp(sb->s_type->name, "rootfs"))
		trust |= KK_T_INITRAMFS;
	return trust;
}

/* ---- kernel files that are known by what they are, not by where -------------------------------------- */

static bool named(const struct dentry *dentry, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(dentry->d_name.name, *names))
			return true;
	return false;
}

static u16 special(const struct dentry *dentry, const struct inode *inode)
{
	/* What the kernel starts by itself, and what would switch probes off. */
	static const char *const helpers[] = { "core_pattern", "modprobe", "hotplug", "poweroff_cmd",
		"usermodehelper", "ftrace_enabled", "kprobes-optimization", "register", "uevent_helper",
		"release_agent", "kprobe_events", NULL };
	u32 magic = inode->i_sb->s_magic;

	if (S_ISCHR(inode->i_mode)) {
		if (imajor(inode) == MTD_CHAR_MAJOR || imajor(inode) == 10)
			return imajor(inode) == MTD_CHAR_MAJOR ? KK_O_RAW_DEVICE : 0;
		if (imajor(inode) == MEM_MAJOR && (iminor(inode) <= 2 || iminor(inode) == 4))
			return KK_O_RAW_DEVICE;
		return 0;
	}
	if (!S_ISREG(inode->i_mode))
		return 0;
	if (magic == PROC_SUPER_MAGIC && !strcmp(dentry->d_name.name, "mem"))
		return KK_O_PROC_MEM;
	if (magic == DEBUGFS_MAGIC && !strcmp(dentry->d_name.name, "enabled"))
		return KK_O_HELPER;
	if (magic == PROC_SUPER_MAGIC || magic == SYSFS_MAGIC || magic == DEBUGFS_MAGIC ||
	    magic == BINFMTFS_MAGIC || magic == TRACEFS_MAGIC || magic == CGROUP_SUPER_MAGIC)
		return named(dentry, helpers) ? KK_O_HELPER : 0;
	return 0;
}

/* ---- objects ----------------------------------------------------------------------------------------- */

static void facts(struct kk_object *object, const struct dentry *dentry)
{
	const struct inode *inode = d_backing_inode(dentry);

	if (!inode)
		return;
	object->type = kakoi_type(inode->i_mode);
	object->mode = READ_ONCE(inode->i_mode) & 07777;
	object->trust = trust_of(dentry);
	object->flags |= special(dentry, inode);
	if (kakoi_dropped(dentry))
		object->flags |= KK_O_TAINTED;
}

void kakoi_object(struct kakoi_case *c, const struct path *path)
{
	facts(&c->attempt.object, path->dentry);
	if (has_no_place(path)) {
		c->attempt.object.flags |= KK_O_UNLINKED;
		return;
	}
	c->path = path_text(c, path, 0);
	if (!c->path)
		c->attempt.unknown |= KK_U_PATH;
}

void kakoi_target(struct kakoi_case *c, const struct path *path)
{
	facts(&c->attempt.target, path->dentry);
	if (d_is_positive(path->dentry))
		c->attempt.target.flags |= KK_O_EXISTS;
	c->target = path_text(c, path, 1);
	if (!c->target)
		c->attempt.unknown |= KK_U_TARGET;
}

void kakoi_new_object(struct kakoi_case *c, const struct path *folder, struct dentry *dentry, umode_t mode)
{
	struct path path = { .mnt = folder->mnt, .dentry = dentry };

	c->attempt.object.type = kakoi_type(mode);
	if (c->attempt.object.type == KK_TYPE_NONE)
		c->attempt.object.type = KK_TYPE_REGULAR;
	c->attempt.mode = mode & 07777;
	/* The name is not in the tree yet, but a path can be given for it. */
	c->path = path_text(c, &path, 0);
	if (!c->path)
		c->attempt.unknown |= KK_U_PATH;
}

void kakoi_new_target(struct kakoi_case *c, const struct path *folder, struct dentry *dentry)
{
	struct path path = { .mnt = folder->mnt, .dentry = dentry };

	kakoi_target(c, &path);
}

/* A mount by which the current process reaches this file system: its root or where it is. A path by
 * another mount is unknown, and that counts against whoever asks. */
void kakoi_object_of_dentry(struct kakoi_case *c, struct dentry *dentry)
{
	struct path root, here, path = { .dentry = dentry };

	get_fs_root(current->fs, &root);
	get_fs_pwd(current->fs, &here);
	if (here.mnt->mnt_sb == dentry->d_sb)
		path.mnt = here.mnt;
	else if (root.mnt->mnt_sb == dentry->d_sb)
		path.mnt = root.mnt;
	if (path.mnt) {
		kakoi_object(c, &path);
	} else {
		facts(&c->attempt.object, dentry);
		c->attempt.unknown |= KK_U_PATH;
	}
	path_put(&root);
	path_put(&here);
}
