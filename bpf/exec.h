/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a program: judged before, and the mark of the task changed after it cannot fail any more.
 * Between the two another thread may change standard input (the table of descriptors is separated
 * late), so that is looked at again; a refusal is then a signal.
 */
#ifndef KAKOI_EXEC_H
#define KAKOI_EXEC_H

#define PTY_SLAVE_MAJOR 136
#define OLD_PTY_SLAVE_MAJOR 3
#define TCP_ESTABLISHED 1

static __always_inline struct file *descriptor(u32 number)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (number >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), files + number);
	return file;
}

static __always_inline int is_terminal(u32 device)
{
	u32 major = device >> 20;

	return (major >= 136 && major <= 143) || major == 4 || major == 5 || major == 204 ||
	       major == 229;
}

static __always_inline u32 standard_input(void)
{
	struct file *file = descriptor(0);
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (!file || !inode)
		return KK_STDIN_OTHER;
	switch (type_of(BPF_CORE_READ(inode, i_mode))) {
	case KK_TYPE_REGULAR:
		return KK_STDIN_FILE;
	case KK_TYPE_FIFO:
		return KK_STDIN_PIPE;
	case KK_TYPE_SOCKET:
		return KK_STDIN_SOCKET;
	case KK_TYPE_CHARACTER:
		return is_terminal(BPF_CORE_READ(inode, i_rdev)) ? KK_STDIN_TTY : KK_STDIN_OTHER;
	default:
		return KK_STDIN_OTHER;
	}
}

static __always_inline int is_connected(u32 number)
{
	struct file *file = descriptor(number);
	struct socket *socket;
	struct sock *sock;
	u32 family;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & KIND_MASK) != KIND_SOCKET)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sock, __sk_common.skc_state) == TCP_ESTABLISHED;
}

/* What makes it look like a remote session. */
__noinline int guard_remote(u32 traits)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct tty_driver *driver = BPF_CORE_READ(task, signal, tty, driver);
	u32 remote = 0, major = driver ? (u32)BPF_CORE_READ(driver, major) : 0;

	if ((traits & (TRAIT_NET | TRAIT_PTMX)) == (TRAIT_NET | TRAIT_PTMX) &&
	    (major == PTY_SLAVE_MAJOR || major == OLD_PTY_SLAVE_MAJOR))
		remote |= KK_REMOTE_PTY;
	if (is_connected(0) || is_connected(1) || is_connected(2))
		remote |= KK_REMOTE_SOCKET;
	return (int)remote;
}

__noinline int guard_exec_domain(u32 index)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = {};
	struct kk_case c;

	if (index >= KK_DOMAINS || case_of(&c, &policy, scratch))
		return -1;
	if (index >= kk_u16_at(&policy, KK_H_N_DOMAINS))
		return 1;
	c.subject = &scratch->subject;
	kk_exec_domain(&c, index, scratch->remote, scratch->replaced, &scratch->next);
	return 0;
}

/* The mark to come, and who is judged. */
__noinline int guard_exec(u32 serial)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = {};
	struct kk_case c;
	u32 index;

	if (case_of(&c, &policy, scratch))
		return -1;
	scratch->program = kk_program_of(&policy, &scratch->attempt);
	scratch->next = scratch->subject;
	scratch->replaced[0] = scratch->replaced[1] = 0;
	for (index = 0; index < KK_DOMAINS; index++)
		if (guard_exec_domain(index))
			break;
	c.subject = &scratch->subject;
	c.program = scratch->program;
	kk_exec_finish(&c, serial, scratch->replaced, &scratch->next);
	kk_exec_subject(&policy, &scratch->subject, &scratch->next, &scratch->judged);
	if (!scratch->judged.session)
		scratch->judged.session = scratch->next.session;
	return 0;
}

static __always_inline void describe_program(struct scratch *scratch, struct linux_binprm *bprm)
{
	struct file *file = BPF_CORE_READ(bprm, file);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct kk_policy policy = { policy_bytes(), 0 };
	char begin[2] = {};

	locate(scratch, BPF_CORE_READ(file, f_path.mnt), dentry);
	look_at(scratch, BPF_CORE_READ(file, f_inode), dentry);
	bpf_probe_read_kernel(begin, sizeof(begin), &bprm->buf);
	if (begin[0] == '#' && begin[1] == '!')
		scratch->attempt.object.flags |= KK_O_SCRIPT;
	if (BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		scratch->attempt.flags |= KK_A_VIA_SCRIPT;
	scratch->attempt.standard_input = (u8)standard_input();
	scratch->argv_length = 0;
	scratch->late = 0;
	if (!policy.bytes)
		return;
	if (!kk_programs(&policy, scratch->attempt.object.class_) &&
	    !(scratch->judged.domains[0] | scratch->judged.domains[1]) &&
	    !(scratch->attempt.unknown & KK_U_PATH))
		return;		/* a free program of no kind: its arguments change nothing */
	scratch->memory = (u64)BPF_CORE_READ(bprm, mm);
	scratch->address = BPF_CORE_READ(bprm, p);
	if (guard_read_argv((u32)BPF_CORE_READ(bprm, argc))) {
		count(COUNT_ARGV_FAILED);
		scratch->late = 1;
		return;
	}
	guard_argv();
}

static __always_inline int judges_exec(const struct scratch *scratch)
{
	struct kk_policy policy = { policy_bytes(), 0 };

	return policy.bytes && (!kk_is_free(&policy, &scratch->judged, KK_OP_EXEC) &&
				!(guard.taint_only &&
				  !(scratch->judged.domains[0] | scratch->judged.domains[1] |
				    scratch->judged.flags) &&
				  !(scratch->attempt.object.flags & KK_O_TAINTED)));
}

static __always_inline void report_session(struct scratch *scratch)
{
	struct kk_verdict none = { 0, 0, 0, 0, 0, 0, 0, 0 };

	if (scratch->subject.domains[0] | scratch->subject.domains[1] ||
	    !(scratch->next.domains[0] | scratch->next.domains[1]))
		return;
	scratch->verdict = none;
	scratch->judged = scratch->next;
	scratch->kind = EVENT_SESSION;
	guard_report();
	scratch->kind = EVENT_ATTEMPT;
}

SEC("lsm/bprm_check_security")
int bprm_check_security(u64 *ctx)
{
	struct linux_binprm *bprm = (void *)ctx[0];
	struct scratch *scratch;
	struct mark mark;
	u64 task = bpf_get_current_task();

	if (!guard.loaded)
		return 0;
	current_mark_checked(&mark);
	scratch = scratch_for(&mark, KK_OP_EXEC);
	if (!scratch)
		return -ENOMEM;
	describe_program(scratch, bprm);
	scratch->remote = (u32)guard_remote(mark.traits);
	guard_exec(serial());
	if (judges_exec(scratch)) {
		int refused = judge();

		if (refused)
			return refused;
	}
	scratch->pending = 1;
	mark.subject = scratch->next;
	if (!mark_is_empty(&mark) && !bpf_map_lookup_elem(&held, &task)) {
		/* Room for the mark to come is taken now, while the exec can still be refused. */
		mark.subject = scratch->subject;
		if (bpf_map_update_elem(&held, &task, &mark, BPF_ANY))
			return -ENOMEM;
	}
	return 0;
}

/* The arguments as the new program's own memory has them. 1: they say something else than what was found
 * through the page tables, or nothing was found there. */
static __always_inline int arguments_differ(struct scratch *scratch, struct linux_binprm *bprm)
{
	struct kk_attempt *attempt = &scratch->attempt;
	u32 applet = attempt->applet, source = attempt->argv, unknown = attempt->unknown;

	if (!scratch->late && !scratch->argv_length)
		return 0;
	if (guard_read_own_argv(BPF_CORE_READ(bprm, p), (u32)BPF_CORE_READ(bprm, argc))) {
		if (scratch->late)
			attempt->unknown |= KK_U_ARGV;
		return (int)scratch->late;
	}
	attempt->unknown &= (u16)~KK_U_ARGV;
	guard_argv();
	return scratch->late || attempt->applet != applet || attempt->argv != source ||
	       attempt->unknown != unknown;
}

/* After the exec the table of descriptors is its own, and arguments can be read as its memory. */
static __always_inline void look_again(struct scratch *scratch, struct linux_binprm *bprm)
{
	u32 input = standard_input();
	int again = input != scratch->attempt.standard_input;

	if (arguments_differ(scratch, bprm)) {
		if (!scratch->late)
			count(COUNT_ARGV_FAILED);
		guard_exec(scratch->next.session);
		again = 1;
	}
	if (!again)
		return;
	scratch->attempt.standard_input = (u8)input;
	if (judges_exec(scratch) && judge())
		bpf_send_signal(SIGKILL);
}

SEC("lsm/bprm_committed_creds")
int bprm_committed_creds(u64 *ctx)
{
	struct linux_binprm *bprm = (void *)ctx[0];
	struct scratch *scratch = scratch_of_current();
	u64 task = bpf_get_current_task();
	struct mark mark;

	if (!scratch || !scratch->pending)
		return 0;
	look_again(scratch, bprm);
	current_mark(&mark);
	mark.subject = scratch->next;
	scratch->pending = 0;
	if (config.task_storage) {
		struct mark *stored = bpf_task_storage_get(&marks, bpf_get_current_task_btf(), 0,
							   BPF_LOCAL_STORAGE_GET_F_CREATE);

		if (stored)
			*stored = mark;
		else
			count(COUNT_STORAGE_FAILED);
	}
	if (hold(task, &mark))
		bpf_send_signal(SIGKILL);	/* no room although it was taken: never run unmarked */
	report_session(scratch);
	if (!(mark.subject.domains[0] | mark.subject.domains[1] | mark.subject.flags))
		bpf_map_delete_elem(&scratches, &task);
	return 0;
}

#endif
