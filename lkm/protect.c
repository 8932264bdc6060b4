// SPDX-License-Identifier: GPL-2.0-only
/*
 * Self-protection: what would end, blind or outlive the guard. Each is one kernel function that all ways
 * come through; where it must be a system call, its names on all architectures.
 */
#include <linux/bpf.h>
#include <linux/file.h>
#include <linux/kernel_read_file.h>
#include <linux/ptrace.h>
#include <linux/security.h>
#include <linux/signal.h>
#include <linux/syslog.h>

#include "kakoi_lkm.h"

#define PROTECT KAKOI_BIT(KK_OP_PROTECT)

/* ---- other processes ------------------------------------------------------------------------------------ */

static struct kakoi_hook ptrace_hook, kill_hook;

/* A process that shares no domain with the current one. */
static bool outside(struct task_struct *task)
{
	struct kk_subject mine, its;

	if (task->signal == current->signal)
		return false;
	kakoi_subject_of(current, &mine);
	kakoi_subject_of(task, &its);
	return !(mine.domains[0] & its.domains[0] || mine.domains[1] & its.domains[1]);
}

static noinline int my_ptrace_access_check(struct task_struct *child, unsigned int mode)
{
	int answer = 0;

	if (mode & PTRACE_MODE_ATTACH && outside(child))
		answer = kakoi_protected(KK_X_PTRACE, child->comm);
	if (!answer)
		answer = KAKOI_ORIGINAL(ptrace_hook, my_ptrace_access_check)(child, mode);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(ptrace_hook, my_ptrace_access_check, PROTECT, "security_ptrace_access_check");

/* Does the policy list the program that it runs? In atomic context. */
static bool listed(struct task_struct *task)
{
	const struct kakoi_policy *policy;
	struct file *file = kakoi_exe_file(task);
	struct kakoi_case c;
	bool found = false;

	if (!file)
		return false;
	kakoi_begin(&c, KK_OP_PROTECT, GFP_ATOMIC);
	kakoi_object(&c, &file->f_path);
	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	if (policy && c.path)
		found = kk_protects(&policy->blob, kakoi_class_of(policy, c.path)) & KAKOI_BIT(KK_X_SIGNAL);
	rcu_read_unlock();
	kakoi_end(&c);
	fput(file);
	return found;
}

static noinline int my_task_kill(struct task_struct *task, struct kernel_siginfo *info, int number,
				 const struct cred *cred)
{
	int answer = 0;

	if (number && outside(task) && (kakoi_is_agent(task->signal) || listed(task)))
		answer = kakoi_protected(KK_X_SIGNAL, task->comm);
	if (!answer)
		answer = KAKOI_ORIGINAL(kill_hook, my_task_kill)(task, info, number, cred);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(kill_hook, my_task_kill, PROTECT, "security_task_kill");

/* ---- functions that are refused whole ---------------------------------------------------------------------- */

/*
 * Refuse, or do as if nothing were. Six arguments as registers and stack slots give any original what it was
 * given; what a pointer points to does not matter here.
 */
#define KAKOI_REFUSE(name, kind, word, ...)								\
	static struct kakoi_hook name##_hook;								\
	static noinline long my_##name(unsigned long a, unsigned long b, unsigned long c,		\
				       unsigned long d, unsigned long e, unsigned long f)		\
	{												\
		long answer = kakoi_protected(kind, word);						\
													\
		if (!answer)										\
			answer = KAKOI_ORIGINAL(name##_hook, my_##name)(a, b, c, d, e, f);		\
		kakoi_leave();										\
		return answer;										\
	}												\
	static KAKOI_HOOK(name##_hook, my_##name, PROTECT, __VA_ARGS__)

#define SYSCALL(name) "__x64_sys_" name, "__arm64_sys_" name, "__se_sys_" name, "sys_" name

KAKOI_REFUSE(bpf, KK_X_BPF, "bpf", "security_bpf");
KAKOI_REFUSE(mount, KK_X_MOUNT, "mount", "security_sb_mount");
KAKOI_REFUSE(umount, KK_X_MOUNT, "umount", "security_sb_umount");
KAKOI_REFUSE(remount, KK_X_MOUNT, "remount", "security_sb_remount");
KAKOI_REFUSE(move_mount, KK_X_MOUNT, "move_mount", "security_move_mount");
KAKOI_REFUSE(pivot, KK_X_MOUNT, "pivot_root", "security_sb_pivotroot");
KAKOI_REFUSE(get_tree, KK_X_MOUNT, "fsmount", "vfs_get_tree");
KAKOI_REFUSE(new_user, KK_X_NAMESPACE, "user namespace", "create_user_ns");
KAKOI_REFUSE(delete_module, KK_X_MODULE, "delete_module", SYSCALL("delete_module"));
KAKOI_REFUSE(init_module, KK_X_MODULE, "init_module", SYSCALL("init_module"));
KAKOI_REFUSE(finit_module, KK_X_MODULE, "finit_module", SYSCALL("finit_module"));
KAKOI_REFUSE(kexec_load, KK_X_KEXEC, "kexec_load", SYSCALL("kexec_load"));
KAKOI_REFUSE(kexec_file, KK_X_KEXEC, "kexec_file_load", SYSCALL("kexec_file_load"));
KAKOI_REFUSE(reboot, KK_X_REBOOT, "reboot", SYSCALL("reboot"));
#ifdef CONFIG_X86
KAKOI_REFUSE(iopl, KK_X_DEVICE, "iopl", SYSCALL("iopl"));
KAKOI_REFUSE(ioperm, KK_X_DEVICE, "ioperm", SYSCALL("ioperm"));
#endif

/* ---- namespaces, the log -------------------------------------------------------------------------------------- */

static struct kakoi_hook namespaces_hook, syslog_hook;

/* New mount namespaces, and setns (no flags). */
static noinline void *my_create_namespaces(unsigned long flags, struct task_struct *task, void *user,
					   void *fs)
{
	long refused = 0;
	void *answer;

	if (!flags || flags & CLONE_NEWNS)
		refused = kakoi_protected(KK_X_NAMESPACE, flags ? "mount namespace" : "setns");
	answer = refused ? ERR_PTR(refused) :
		 KAKOI_ORIGINAL(namespaces_hook, my_create_namespaces)(flags, task, user, fs);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(namespaces_hook, my_create_namespaces, PROTECT, "create_new_namespaces");

static noinline int my_syslog(int type)
{
	int answer = 0;

	if (type == SYSLOG_ACTION_READ_CLEAR || type == SYSLOG_ACTION_CLEAR ||
	    (type >= SYSLOG_ACTION_CONSOLE_OFF && type <= SYSLOG_ACTION_CONSOLE_LEVEL))
		answer = kakoi_protected(KK_X_LOG, "syslog");
	if (!answer)
		answer = KAKOI_ORIGINAL(syslog_hook, my_syslog)(type);
	kakoi_leave();
	return answer;
}
static KAKOI_HOOK(syslog_hook, my_syslog, PROTECT, "security_syslog");

struct kakoi_hook *const kakoi_protect_hooks[] = {
	&ptrace_hook, &kill_hook, &bpf_hook, &mount_hook, &umount_hook, &remount_hook, &move_mount_hook,
	&pivot_hook, &get_tree_hook, &new_user_hook, &delete_module_hook, &init_module_hook,
	&finit_module_hook, &kexec_load_hook, &kexec_file_hook, &reboot_hook, &namespaces_hook, &syslog_hook,
#ifdef CONFIG_X86
	&iopl_hook, &ioperm_hook,
#endif
	NULL,
};
