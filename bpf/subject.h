/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who acts: the marks of tasks, in two places, so that a failed look-up never opens anything.
 *
 * `marks` (task storage) holds the mark of every task that we have seen, also the empty one: what is
 * found there is the answer. Up to 6.1, and for fmod_ret at any version, a look-up there fails when it
 * interrupts another one on its CPU; then `held` answers, a hash that is read without locks and that
 * holds every mark that is not empty. A task that is in neither is free.
 */
#ifndef KAKOI_SUBJECT_H
#define KAKOI_SUBJECT_H

static __always_inline int mark_is_empty(const struct mark *mark)
{
	const struct kk_subject *s = &mark->subject;

	return !(s->domains[0] | s->domains[1] | s->daemon[0] | s->daemon[1] | s->flags |
		 s->program | s->class_ | s->applet | mark->traits);
}

static __always_inline void held_mark(u64 task, struct mark *mark)
{
	struct mark empty = {}, *found = bpf_map_lookup_elem(&held, &task);

	*mark = found ? *found : empty;
}

static __always_inline void current_mark(struct mark *mark)
{
	if (config.task_storage) {
		struct mark *found =
			bpf_task_storage_get(&marks, bpf_get_current_task_btf(), 0, 0);

		if (found) {
			*mark = *found;
			return;
		}
	}
	held_mark(bpf_get_current_task(), mark);
}

/* For tasks that a hook was given. */
static __always_inline void mark_of(struct task_struct *task, struct mark *mark)
{
	if (config.task_storage) {
		struct mark *found = bpf_task_storage_get(&marks, task, 0, 0);

		if (found) {
			*mark = *found;
			return;
		}
	}
	held_mark((u64)task, mark);
}

/* Do the two sources say the same of the current task? Asked at fork and exec. When they do not, the
 * mark counts as lost, and the task is in all domains of sessions. */
static __always_inline void current_mark_checked(struct mark *mark)
{
	u64 task = bpf_get_current_task();
	struct mark *second = bpf_map_lookup_elem(&held, &task);

	current_mark(mark);
	if (second ? second->subject.domains[0] != mark->subject.domains[0] ||
			     second->subject.domains[1] != mark->subject.domains[1] :
		     (mark->subject.domains[0] | mark->subject.domains[1]) != 0) {
		count(COUNT_DISAGREE);
		mark->subject.flags |= KK_SF_UNKNOWN;
	}
}

/* The second source. 0, or an error when there is no room for a mark that is not empty. */
static __always_inline int hold(u64 task, const struct mark *mark)
{
	if (!mark_is_empty(mark))
		return bpf_map_update_elem(&held, &task, mark, BPF_ANY) ? -ENOMEM : 0;
	if (bpf_map_lookup_elem(&held, &task))
		bpf_map_delete_elem(&held, &task);
	return 0;
}

static __always_inline u32 serial(void)
{
	return (bpf_get_smp_processor_id() << 22 | (u32)count(COUNT_SERIAL)) + 1;
}

static __always_inline const u8 *policy_bytes(void)
{
	u32 slot = guard.active & 1;

	return bpf_map_lookup_elem(&policies, &slot);
}

static __always_inline struct scratch *scratch_of_current(void)
{
	u64 task = bpf_get_current_task();

	return bpf_map_lookup_elem(&scratches, &task);
}

/* The place where an attempt is put together, made when it is first needed. */
static __always_inline struct scratch *scratch_for(const struct mark *mark, u32 op)
{
	struct scratch *scratch = scratch_of_current(), *empty;
	struct kk_attempt none = {};
	u64 task = bpf_get_current_task();
	u32 zero = 0;

	if (!scratch) {
		empty = bpf_map_lookup_elem(&blank, &zero);
		if (!empty || bpf_map_update_elem(&scratches, &task, empty, BPF_ANY))
			return NULL;
		scratch = bpf_map_lookup_elem(&scratches, &task);
		if (!scratch)
			return NULL;
	}
	scratch->subject = mark->subject;
	scratch->judged = mark->subject;
	scratch->attempt = none;
	scratch->attempt.op = (u8)op;
	scratch->kind = EVENT_ATTEMPT;
	scratch->inode = 0;
	scratch->path_at = KK_PATH_MAX;
	scratch->path_length = 0;
	scratch->target_length = 0;
	if (op != KK_OP_EXEC)
		scratch->argv_length = 0;
	return scratch;
}

/* The beginning of every hook: 0 when the operation is free, 1 when it must be judged, else an error
 * to refuse with, because a held task found no room to be judged in. */
static __always_inline int begin(u32 op, struct scratch **scratch)
{
	struct kk_policy policy = { policy_bytes(), 0 };
	struct mark mark;

	*scratch = NULL;
	if (!policy.bytes || !guard.loaded)
		return 0;
	current_mark(&mark);
	if (kk_is_free(&policy, &mark.subject, op))
		return 0;
	*scratch = scratch_for(&mark, op);
	return *scratch ? 1 : -EAGAIN;
}

/* The same for what rules for everyone judge: most of it is free because nothing was dropped. */
static __always_inline int begin_with_content(u32 op, struct inode *inode, struct scratch **scratch)
{
	struct kk_policy policy = { policy_bytes(), 0 };
	struct inode_key key = {};
	struct mark mark;

	*scratch = NULL;
	if (!policy.bytes || !guard.loaded)
		return 0;
	current_mark(&mark);
	if (kk_is_free(&policy, &mark.subject, op))
		return 0;
	if (!(mark.subject.domains[0] | mark.subject.domains[1]) &&
	    !(mark.subject.flags & KK_SF_UNKNOWN) && guard.taint_only) {
		if (!seen.tainted || (op == KK_OP_OPEN && !(mark.subject.program & KK_P_READS_CODE)))
			return 0;
		key.inode = BPF_CORE_READ(inode, i_ino);
		key.device = BPF_CORE_READ(inode, i_sb, s_dev);
		key.generation = BPF_CORE_READ(inode, i_generation);
		if (!bpf_map_lookup_elem(&dropped, &key))
			return 0;
	}
	*scratch = scratch_for(&mark, op);
	return *scratch ? 1 : -EAGAIN;
}

#endif
