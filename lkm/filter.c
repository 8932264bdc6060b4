// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filters of system calls (seccomp), for programs that know nothing of them. When a program has been loaded and
 * has not run yet, its process has one thread and a memory of its own: the filter is put into that memory for a
 * moment, given to the kernel with the same call that the program could make, and taken away again. All threads
 * and children that there will be have it, and nothing can take it off.
 *
 * A domain is in the blob with a filter for each architecture whose programs it knows. A program of another one is
 * ended: its calls would be judged by numbers of another table.
 */
#include <linux/audit.h>
#include <linux/binfmts.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/syscall.h>

#include "kakoi_lkm.h"

static struct kakoi_hook finalize_hook;
static long (*set_seccomp)(unsigned long mode, void __user *program);
atomic_t kakoi_filters_attached = ATOMIC_INIT(0);

int kakoi_filters_begin(void)
{
	set_seccomp = kakoi_symbol("prctl_set_seccomp");
	return 0;
}

const char *kakoi_filters_missing(void)
{
	if (!IS_ENABLED(CONFIG_SECCOMP_FILTER) || !set_seccomp)
		return "no seccomp here";
	if (!IS_ENABLED(CONFIG_KPROBES))
		return "no probes here";
	return NULL;
}

#ifdef CONFIG_SECCOMP_FILTER

/* Where the head of a program lies in user memory, in front of its instructions. */
#define HEAD 16

static int put_head(unsigned long at, u32 count)
{
	struct sock_fprog head = { .len = count, .filter = (void __user *)(at + HEAD) };

#ifdef CONFIG_COMPAT
	if (in_compat_syscall()) {
		struct compat_sock_fprog small = { .len = count, .filter = (compat_uptr_t)(at + HEAD) };

		return copy_to_user((void __user *)at, &small, sizeof(small)) ? -EFAULT : 0;
	}
#endif
	return copy_to_user((void __user *)at, &head, sizeof(head)) ? -EFAULT : 0;
}

/* The kernel takes filters from whoever has given up new privileges, or may administer; the program keeps its own. */
static int hand_over(unsigned long at)
{
	struct cred *whole = prepare_kernel_cred(&init_task);
	const struct cred *own;
	long error;

	if (!whole)
		return -ENOMEM;
	own = override_creds(whole);
	error = set_seccomp(SECCOMP_MODE_FILTER, (void __user *)at);
	revert_creds(own);
	put_cred(whole);
	return error;
}

static int attach(const struct sock_filter *program, u32 count)
{
	size_t size = count * sizeof(*program), whole = PAGE_ALIGN(HEAD + size);
	unsigned long at = vm_mmap(NULL, 0, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	int error;

	if (IS_ERR_VALUE(at))
		return (long)at;
	error = put_head(at, count);
	if (!error && copy_to_user((void __user *)(at + HEAD), program, size))
		error = -EFAULT;
	if (!error)
		error = hand_over(at);
	vm_munmap(at, whole);
	return error;
}

static int attach_one(u32 domain)
{
	struct sock_filter *program = NULL;
	u32 count = 0;
	int found = kakoi_policy_filter(domain, syscall_get_arch(current), &program, &count);

	if (found <= 0)
		return found;
	found = attach(program, count);
	kfree(program);
	if (!found)
		atomic_inc(&kakoi_filters_attached);
	return found;
}

static int attach_all(const struct linux_binprm *bprm)
{
	u32 domains[2], index;
	int error = 0;

	kakoi_mark_filters(bprm, domains);
	for (index = 0; index < KK_DOMAINS && !error; index++)
		if (kk_bit(domains[index >> 5], index))
			error = attach_one(index);
	if (!error)
		kakoi_mark_filtered(domains);
	return error;
}

#else

static int attach_all(const struct linux_binprm *bprm)
{
	return 0;
}

#endif

/* The last thing before a new program runs; its memory is in place. */
static noinline void my_finalize_exec(struct linux_binprm *bprm)
{
	int error;

	KAKOI_ORIGINAL(finalize_hook, my_finalize_exec)(bprm);
	error = attach_all(bprm);
	if (error) {
		pr_warn_ratelimited("%s: no filter: %d; ended\n", current->comm, error);
		send_sig(SIGKILL, current, 1);
	}
	kakoi_leave();
}
static KAKOI_HOOK(finalize_hook, my_finalize_exec, KAKOI_FILTER, "finalize_exec");

struct kakoi_hook *const kakoi_filter_hooks[] = { &finalize_hook, NULL };
