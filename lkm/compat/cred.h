/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose credentials the running task acts with. */
#ifndef KAKOI_COMPAT_CRED_H
#define KAKOI_COMPAT_CRED_H

#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/version.h>

/* Does this task work for a ring of io_uring, or may it? A ring lends credentials at the caller's wish (personalities, 5.6).
 * Rings can be told from 5.10 on. */
static inline bool kakoi_may_be_of_ring(void)
{
#if !IS_ENABLED(CONFIG_IO_URING)
	return false;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
	return current->io_uring || current->flags & PF_IO_WORKER;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 10, 0)
	/* Its workers are threads of the kernel there. */
	return current->io_uring || current->flags & PF_KTHREAD;
#else
	return true;
#endif
}

/* Did the kernel itself, and no wish of the caller, put on the credentials of somebody else? */
static inline bool kakoi_lent_credentials(void)
{
	return current_cred() != current_real_cred() && !kakoi_may_be_of_ring();
}

#endif
