/* SPDX-License-Identifier: GPL-2.0-only */
/* The mark from parent to child, what makes a daemon one that has taken a connection, and the end. */
#ifndef KAKOI_TREE_H
#define KAKOI_TREE_H

#define CLONE_NEWNS 0x00020000ul
#define CLONE_THREAD 0x00010000ul
#define CLONE_NEWUSER 0x10000000ul

/* Another thread of the process may have taken the connection: the first one knows. */
static __always_inline void heed_leader(struct mark *mark)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	u64 key = (u64)leader;
	struct mark *found;

	if (leader == task || !(mark->subject.daemon[0] | mark->subject.daemon[1]))
		return;
	found = bpf_map_lookup_elem(&held, &key);
	if (found)
		mark->subject.flags |= found->subject.flags & KK_SF_ACCEPTED;
}

static __always_inline int inherit(struct task_struct *child, const struct mark *mark)
{
	int stored = 0, empty = mark_is_empty(mark);

	if (config.task_storage) {
		struct mark *place = bpf_task_storage_get(&marks, child, 0,
							  BPF_LOCAL_STORAGE_GET_F_CREATE);

		if (place) {
			*place = *mark;
			stored = 1;
		}
	}
	if (!hold((u64)child, mark) || empty)
		return 0;
	seen.hold_lost++;
	(void)stored;	/* one source is not enough for a mark that holds */
	return -ENOMEM;
}

SEC("lsm/task_alloc")
int task_alloc(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[0];
	unsigned long flags = ctx[1];
	struct scratch *scratch;
	struct mark mark, next;
	int refused;

	current_mark_checked(&mark);
	if (flags & (CLONE_NEWNS | CLONE_NEWUSER)) {
		refused = begin(KK_OP_PROTECT, &scratch);
		if (scratch) {
			scratch->attempt.arg = KK_X_NAMESPACE;
			refused = judge();
		}
		if (refused)
			return refused;
	}
	next = mark;
	if (!(flags & CLONE_THREAD)) {
		heed_leader(&mark);
		kk_fork(&mark.subject, &next.subject, serial());
		if (bpf_get_current_pid_tgid() >> 32 == 1)
			next.traits &= ~TRAIT_NET;	/* what init took is not its children's */
	}
	return inherit(child, &next);
}

SEC("lsm/task_free")
int task_free(u64 *ctx)
{
	u64 task = ctx[0];

	if (bpf_map_lookup_elem(&held, &task))
		bpf_map_delete_elem(&held, &task);
	if (bpf_map_lookup_elem(&scratches, &task))
		bpf_map_delete_elem(&scratches, &task);
	return 0;
}

static __always_inline void store_current(const struct mark *mark)
{
	u64 task = bpf_get_current_task();

	if (config.task_storage) {
		struct mark *stored = bpf_task_storage_get(&marks, bpf_get_current_task_btf(), 0,
							   BPF_LOCAL_STORAGE_GET_F_CREATE);

		if (stored)
			*stored = *mark;
	}
	hold(task, mark);
}

/* A connection was taken: the kernel ties the new socket to a file. */
SEC("lsm/sock_graft")
int sock_graft(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	u32 family = BPF_CORE_READ(sock, __sk_common.skc_family);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader;
	struct mark mark, *found;
	u64 key;

	if (!guard.loaded || (family != AF_INET && family != AF_INET6))
		return 0;
	current_mark(&mark);
	if (mark.traits & TRAIT_NET &&
	    (!(mark.subject.daemon[0] | mark.subject.daemon[1]) ||
	     mark.subject.flags & KK_SF_ACCEPTED))
		return 0;
	mark.traits |= TRAIT_NET;
	kk_accept(&mark.subject);
	store_current(&mark);
	leader = BPF_CORE_READ(task, group_leader);
	key = (u64)leader;
	if (leader != task) {
		found = bpf_map_lookup_elem(&held, &key);
		if (found)
			found->subject.flags |= mark.subject.flags & KK_SF_ACCEPTED;
	}
	return 0;
}

/* What ran before us gets its mark as if we had seen it: that of its parent, then that of the program
 * it runs. What descends from a login daemon is a session; the agent runs this twice, because
 * a parent may have a higher number than its child. Arguments come from the agent. */
static __always_inline void parent_mark(struct task_struct *task, struct mark *mark)
{
	struct mark found;
	u64 parent = (u64)BPF_CORE_READ(task, real_parent);

	held_mark(parent, &found);
	*mark = found;
	found.subject.flags |= KK_SF_ACCEPTED;
	kk_fork(&found.subject, &mark->subject, serial());
}

static __always_inline void describe_running(struct scratch *scratch, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	u32 process = BPF_CORE_READ(task, tgid);
	struct seed *found = bpf_map_lookup_elem(&seeds, &process);

	locate(scratch, BPF_CORE_READ(file, f_path.mnt), dentry);
	look_at(scratch, BPF_CORE_READ(file, f_inode), dentry);
	if (!found)
		return;
	scratch->argv_length = found->length;
	scratch->argv_cut = found->cut;
	bpf_probe_read_kernel(scratch->argv, KK_ARGV_MAX, found->argv);
	guard_argv();
}

SEC("iter/task")
int seed_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct scratch *scratch;
	struct mark mark = {}, before, *place;
	u64 key = (u64)task;

	if (!task || !guard.loaded)
		return 0;
	if (BPF_CORE_READ(task, mm)) {
		parent_mark(task, &mark);
		scratch = scratch_for(&mark, KK_OP_EXEC);
		if (!scratch)
			return 0;
		describe_running(scratch, task);
		scratch->remote = 0;
		guard_exec(serial());
		mark.subject = scratch->next;
		held_mark(key, &before);	/* what a hook has found since is not lost */
		mark.subject.domains[0] |= before.subject.domains[0];
		mark.subject.domains[1] |= before.subject.domains[1];
		mark.traits |= before.traits;
	}
	if (config.task_storage) {
		place = bpf_task_storage_get(&marks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (place)
			*place = mark;
	}
	hold(key, &mark);
	return 0;
}

#endif
