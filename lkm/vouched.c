// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content that is vouched for: files whose digest the agent compared with a list, by file system, inode and
 * generation. A file is entered before its digest is worked out, and whoever opens it to write, or truncates it, takes
 * the entry away, in either state: between check and use there is no time in which it could have been changed.
 *
 * Who has it open for writing already, or mapped so, is counted by the kernel (i_writecount), and the kernel counts him
 * before it asks us (fs/open.c, do_dentry_open()): either the count is seen here, or he sees the entry.
 */
#include <linux/hash.h>
#include <linux/magic.h>
#include <linux/slab.h>

#include "kakoi_lkm.h"

#define BITS 8
#define ROOM 16384

/* Superblock magics that linux/magic.h lacks in some kernels, or altogether. */
#define MAGIC_UBIFS 0x24051905u
#define MAGIC_F2FS 0xf2f52010u
#define MAGIC_XFS 0x58465342u

struct vouched {
	struct hlist_node node;
	struct rcu_head rcu;
	const struct super_block *system;
	unsigned long inode;
	u32 generation;
	u32 serial;
	bool confirmed;
};

static struct hlist_head table[1 << BITS];
static DEFINE_SPINLOCK(lock);
static u32 serials;
atomic_t kakoi_vouched_count = ATOMIC_INIT(0);
atomic_t kakoi_vouched_changed = ATOMIC_INIT(0);

static struct hlist_head *bucket(unsigned long inode)
{
	return &table[hash_long(inode, BITS)];
}

/* Within rcu_read_lock() or with the lock. */
static struct vouched *find(const struct super_block *system, unsigned long inode, u32 generation)
{
	struct vouched *entry;

	hlist_for_each_entry_rcu(entry, bucket(inode), node, 1)
		if (entry->inode == inode && entry->system == system && entry->generation == generation)
			return entry;
	return NULL;
}

/* With the lock. */
static void take_out(struct vouched *entry)
{
	hlist_del_rcu(&entry->node);
	atomic_dec(&kakoi_vouched_count);
	kfree_rcu(entry, rcu);
}

bool kakoi_vouched(const struct inode *inode)
{
	const struct vouched *entry;
	bool confirmed;

	if (!atomic_read(&kakoi_vouched_count))
		return false;
	rcu_read_lock();
	entry = find(inode->i_sb, inode->i_ino, inode->i_generation);
	confirmed = entry && READ_ONCE(entry->confirmed);
	rcu_read_unlock();
	return confirmed;
}

void kakoi_content_changes(const struct inode *inode)
{
	struct vouched *entry;
	unsigned long flags;

	if (!inode || !atomic_read(&kakoi_vouched_count))
		return;
	spin_lock_irqsave(&lock, flags);
	entry = find(inode->i_sb, inode->i_ino, inode->i_generation);
	if (entry) {
		take_out(entry);
		atomic_inc(&kakoi_vouched_changed);
	}
	spin_unlock_irqrestore(&lock, flags);
}

/* File systems that never show two contents under one number, and whose content changes by nobody's open but this
 * kernel's. (Of others, snapshots of btrfs share numbers, and a network's files change elsewhere.) */
static bool keeps_numbers(const struct super_block *system)
{
	switch (system->s_magic) {
	case EXT4_SUPER_MAGIC:
	case JFFS2_SUPER_MAGIC:
	case RAMFS_MAGIC:
	case TMPFS_MAGIC:
	case MAGIC_UBIFS:
	case MAGIC_F2FS:
	case MAGIC_XFS:
		return true;
	default:
		return false;
	}
}

/* Enters it in place of what was known of it. Does the policy in force ask for digests? A policy that does not makes us
 * forget all, after everybody who is here has left. */
static int enter(struct vouched *entry, u32 *serial)
{
	const struct kakoi_policy *policy;
	struct vouched *old;
	unsigned long flags;
	int error = 0;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	spin_lock_irqsave(&lock, flags);
	old = find(entry->system, entry->inode, entry->generation);
	if (!policy || !policy->digests)
		error = -ENODATA;
	else if (!old && atomic_read(&kakoi_vouched_count) >= ROOM)
		error = -ENOSPC;
	if (!error) {
		if (old)
			take_out(old);
		/* Never 0. */
		serials = serials == U32_MAX ? 1 : serials + 1;
		entry->serial = *serial = serials;
		hlist_add_head_rcu(&entry->node, bucket(entry->inode));
		atomic_inc(&kakoi_vouched_count);
	}
	spin_unlock_irqrestore(&lock, flags);
	rcu_read_unlock();
	return error;
}

static int begin(struct inode *inode, struct kakoi_check *check)
{
	struct vouched *entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	int error;

	if (!entry)
		return -ENOMEM;
	entry->system = check->system = inode->i_sb;
	entry->inode = check->inode = inode->i_ino;
	entry->generation = check->generation = inode->i_generation;
	error = enter(entry, &check->serial);
	if (error)
		kfree(entry);
	return error;
}

int kakoi_check_begin(struct file *file, struct kakoi_check *check)
{
	struct inode *inode = d_real_inode(file->f_path.dentry);
	int error;

	kakoi_check_end(check);
	if (!inode || !S_ISREG(inode->i_mode))
		return -EINVAL;
	if (!keeps_numbers(inode->i_sb))
		return -EOPNOTSUPP;
	kakoi_hooks_need();
	if (!kakoi_content_watched())
		return -ENOSYS;
	error = begin(inode, check);
	if (error)
		return error;
	/* The entry is seen before the count is read; writers do it the other way round. */
	smp_mb();
	if (atomic_read(&inode->i_writecount) <= 0)
		return 0;
	kakoi_check_end(check);
	return -ETXTBSY;
}

/* The entry of a check, if it is still that one. With the lock. */
static struct vouched *own(const struct kakoi_check *check)
{
	struct vouched *entry = check->serial ? find(check->system, check->inode, check->generation) : NULL;

	return entry && entry->serial == check->serial ? entry : NULL;
}

int kakoi_check_confirm(struct kakoi_check *check)
{
	struct vouched *entry;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	entry = own(check);
	if (entry)
		WRITE_ONCE(entry->confirmed, true);
	spin_unlock_irqrestore(&lock, flags);
	check->serial = 0;
	return entry ? 0 : -ESTALE;
}

void kakoi_check_end(struct kakoi_check *check)
{
	struct vouched *entry;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	entry = own(check);
	if (entry)
		take_out(entry);
	spin_unlock_irqrestore(&lock, flags);
	check->serial = 0;
}

void kakoi_vouched_forget(void)
{
	struct hlist_node *next;
	struct vouched *entry;
	unsigned long flags;
	size_t at;

	spin_lock_irqsave(&lock, flags);
	for (at = 0; at < ARRAY_SIZE(table); at++)
		hlist_for_each_entry_safe(entry, next, &table[at], node)
			take_out(entry);
	spin_unlock_irqrestore(&lock, flags);
}

void kakoi_vouched_end(void)
{
	kakoi_vouched_forget();
	rcu_barrier();
}
