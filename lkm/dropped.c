// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dropped content: files that a member of a tainting domain wrote, by device, inode and generation, so
 * that it stays known when the inode leaves memory. Nothing is ever forgotten; when there is no more room,
 * whatever changed since the guard began counts as dropped.
 */
#include <linux/hash.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "compat/inode.h"
#include "kakoi_lkm.h"

#define BITS 10
#define ROOM 32768

struct dropped {
	struct hlist_node node;
	unsigned long inode;
	dev_t device;
	u32 generation;
};

static struct hlist_head table[1 << BITS];
static DEFINE_SPINLOCK(lock);
static time64_t begun;
static bool full;
atomic_t kakoi_dropped_count = ATOMIC_INIT(0);

static struct hlist_head *bucket(const struct inode *inode)
{
	return &table[hash_long(inode->i_ino ^ inode->i_sb->s_dev, BITS)];
}

static bool listed(const struct inode *inode)
{
	const struct dropped *entry;
	bool found = false;

	rcu_read_lock();
	hlist_for_each_entry_rcu(entry, bucket(inode), node) {
		if (entry->inode == inode->i_ino && entry->device == inode->i_sb->s_dev &&
		    entry->generation == inode->i_generation) {
			found = true;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

void kakoi_drop(const struct inode *inode)
{
	struct dropped *entry;

	if (listed(inode))
		return;
	entry = atomic_read(&kakoi_dropped_count) < ROOM ? kmalloc(sizeof(*entry), GFP_ATOMIC) : NULL;
	if (!entry) {
		if (!full)
			pr_warn("no room to remember what sessions write: all that changes is dropped now\n");
		full = true;
		return;
	}
	entry->inode = inode->i_ino;
	entry->device = inode->i_sb->s_dev;
	entry->generation = inode->i_generation;
	spin_lock(&lock);
	hlist_add_head_rcu(&entry->node, bucket(inode));
	spin_unlock(&lock);
	atomic_inc(&kakoi_dropped_count);
}

static bool dropped_inode(const struct inode *inode)
{
	return listed(inode) || (READ_ONCE(full) && kakoi_changed(inode) >= begun);
}

bool kakoi_dropped(const struct dentry *dentry)
{
	const struct inode *inode = d_backing_inode(dentry), *real;

	if (!inode || (!atomic_read(&kakoi_dropped_count) && !READ_ONCE(full)))
		return false;
	if (dropped_inode(inode))
		return true;
	/* Beneath an overlay, the file that was really written. */
	real = d_real_inode(dentry);
	return real && real != inode && dropped_inode(real);
}

bool kakoi_dropped_overflow(void)
{
	return READ_ONCE(full);
}

int kakoi_dropped_begin(void)
{
	begun = ktime_get_real_seconds();
	return 0;
}

void kakoi_dropped_end(void)
{
	struct dropped *entry;
	struct hlist_node *next;
	size_t at;

	for (at = 0; at < ARRAY_SIZE(table); at++)
		hlist_for_each_entry_safe(entry, next, &table[at], node)
			kfree(entry);
}
