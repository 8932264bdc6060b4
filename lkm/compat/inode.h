/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of things of inodes and mounts that changed. */
#ifndef KAKOI_COMPAT_INODE_H
#define KAKOI_COMPAT_INODE_H

#include <linux/fs.h>
#include <linux/version.h>

/* Seconds at which the inode changed. */
static inline time64_t kakoi_changed(const struct inode *inode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inode_get_ctime_sec(inode);
#else
	return inode->i_ctime.tv_sec;
#endif
}

/* What functions of the file system take first, since file systems can be mounted with other users. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define KAKOI_MAP_ARG struct mnt_idmap *idmap,
#define KAKOI_MAP idmap,
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#define KAKOI_MAP_ARG struct user_namespace *idmap,
#define KAKOI_MAP idmap,
#else
#define KAKOI_MAP_ARG
#define KAKOI_MAP
#endif

#endif
