/* SPDX-License-Identifier: GPL-2.0-only */
/* What would end, blind or outlive the guard; and capabilities. */
#ifndef KAKOI_SYSTEM_H
#define KAKOI_SYSTEM_H

#define CAP_SYS_MODULE 16u
#define CAP_SYS_RAWIO 17u
#define CAP_SYS_ADMIN 21u
#define CAP_SYS_BOOT 22u
#define PTRACE_ATTACH 2u
#define READS_MODULE 2u		/* enum kernel_read_file_id; firmware is 1 */
#define READS_KEXEC 3u
#define READS_KEXEC_RAMFS 4u
#define CLEARS_LOG ((1u << 4) | (1u << 5) | (1u << 6))
#define STACK_BYTES 16384ul	/* THREAD_SIZE of x86-64 and of arm64 with pages of 4 KiB */

/* 0, or the errno to refuse with: what needs no facts but its kind. */
__noinline int guard_protect(u32 kind)
{
	struct scratch *scratch;
	int refused = begin(KK_OP_PROTECT, &scratch);

	if (!scratch)
		return -refused;
	scratch->attempt.arg = (u8)kind;
	return guard_judge();
}

static __always_inline int protect(u32 kind)
{
	return refusal((u32)guard_protect(kind));
}

#define PROTECTED(hook, kind)			\
	SEC("lsm/" #hook) int hook(u64 *ctx)	\
	{					\
		return protect(kind);		\
	}

PROTECTED(bpf, KK_X_BPF)
PROTECTED(sb_mount, KK_X_MOUNT)
PROTECTED(move_mount, KK_X_MOUNT)
PROTECTED(sb_umount, KK_X_MOUNT)
PROTECTED(sb_remount, KK_X_MOUNT)
PROTECTED(sb_pivotroot, KK_X_MOUNT)
PROTECTED(userns_create, KK_X_NAMESPACE)

static __always_inline int loads(u32 what)
{
	if (what == READS_KEXEC || what == READS_KEXEC_RAMFS)
		return protect(KK_X_KEXEC);
	return what == READS_MODULE || what > READS_KEXEC_RAMFS ? protect(KK_X_MODULE) : 0;
}

SEC("lsm/kernel_read_file")
int kernel_read_file(u64 *ctx)
{
	return loads((u32)ctx[1]);
}

SEC("lsm/kernel_load_data")
int kernel_load_data(u64 *ctx)
{
	return loads((u32)ctx[0]);
}

SEC("lsm/syslog")
int syslog(u64 *ctx)
{
	u32 what = (u32)ctx[0];

	return what < 32 && CLEARS_LOG >> what & 1 ? protect(KK_X_LOG) : 0;
}

/* Tracing within one's own session is nobody's business. */
SEC("lsm/ptrace_access_check")
int ptrace_access_check(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[0];
	struct scratch *scratch;
	struct mark mark;
	int refused;

	if (!((u32)ctx[1] & PTRACE_ATTACH))
		return 0;
	refused = begin(KK_OP_PROTECT, &scratch);
	if (!scratch)
		return refused;
	mark_of(child, &mark);
	if (!(scratch->subject.domains[0] & ~mark.subject.domains[0]) &&
	    !(scratch->subject.domains[1] & ~mark.subject.domains[1]))
		return 0;
	scratch->attempt.arg = KK_X_PTRACE;
	return judge();
}

SEC("lsm/task_kill")
int task_kill(u64 *ctx)
{
	struct task_struct *target = (void *)ctx[0];
	struct kk_policy policy = { policy_bytes(), 0 };
	struct scratch *scratch;
	struct mark mark;
	u32 protected;
	int refused;

	if (!(u32)ctx[2] || !policy.bytes)
		return 0;
	refused = begin(KK_OP_PROTECT, &scratch);
	if (!scratch)
		return refused;
	mark_of(target, &mark);
	protected = kk_protects(&policy, mark.subject.class_) |
		    kk_protects(&policy, mark.subject.applet);
	if (!(protected & (1u << KK_X_SIGNAL)) &&
	    (!guard.agent || BPF_CORE_READ(target, tgid) != (int)guard.agent))
		return 0;
	scratch->attempt.arg = KK_X_SIGNAL;
	return judge();
}

/* The number of the system call that the task is in: its registers lie at the top of its stack. */
static __always_inline u32 system_call(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	void *top = BPF_CORE_READ(task, stack) + STACK_BYTES;

	if (config.arm64)
		return (u32)BPF_CORE_READ((struct pt_regs___arm64 *)(top -
			bpf_core_type_size(struct pt_regs___arm64)), syscallno);
	return (u32)BPF_CORE_READ((struct pt_regs *)(top - bpf_core_type_size(struct pt_regs)), orig_ax);
}

/* unshare and setns, in 64 and 32 bits. */
static __always_inline int changes_namespace(void)
{
	u32 number = system_call();

	if (config.arm64)
		return number == 97 || number == 268 || number == 337 || number == 375;
	return number == 272 || number == 308 || number == 310 || number == 346;
}

/* Before 6.1 nothing is asked about a new user namespace: unshare and setns get credentials for it, and for nothing else. */
SEC("lsm/cred_prepare")
int cred_prepare(u64 *ctx)
{
	return changes_namespace() ? protect(KK_X_NAMESPACE) : 0;
}

SEC("lsm/capable")
int capable(u64 *ctx)
{
	u32 capability = (u32)ctx[2];
	struct scratch *scratch;
	int refused = 0;

	if (capability == CAP_SYS_MODULE)
		refused = protect(KK_X_MODULE);
	else if (capability == CAP_SYS_BOOT)
		refused = protect(KK_X_REBOOT);
	else if (capability == CAP_SYS_RAWIO)
		refused = protect(KK_X_DEVICE);
	else if (capability == CAP_SYS_ADMIN && changes_namespace())
		refused = protect(KK_X_NAMESPACE);
	if (refused)
		return refused;
	refused = begin(KK_OP_CAPABLE, &scratch);
	if (!scratch)
		return refused;
	scratch->attempt.arg = (u8)capability;
	return judge();
}

#endif
