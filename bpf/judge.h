/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decision, in the steps that abi/kakoi_decide.h offers: one function for each, so that the
 * verifier walks the loop over domains without walking all of them each time. And what follows from
 * a verdict: an event, a mark on the file, a refusal.
 */
#ifndef KAKOI_JUDGE_H
#define KAKOI_JUDGE_H

static __always_inline int case_of(struct kk_case *c, struct kk_policy *policy,
				   struct scratch *scratch)
{
	struct kk_case empty = { 0, 0, 0, 0, 0, { 0, 0 }, 0, 0, 0 };

	policy->bytes = policy_bytes();
	if (!scratch || !policy->bytes)
		return -1;
	*c = empty;
	c->policy = policy;
	c->attempt = &scratch->attempt;
	c->subject = &scratch->judged;
	c->program = scratch->program;
	c->offends = scratch->offends;
	c->nets[0] = scratch->nets[0];
	c->nets[1] = scratch->nets[1];
	return 0;
}

__noinline int guard_begin(void)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_verdict none = { 0, 0, 0, 0, 0, 0, 0, 0 };
	struct kk_policy policy = {};
	struct kk_case c;

	if (case_of(&c, &policy, scratch))
		return -1;
	scratch->verdict = none;
	scratch->best = 0;
	scratch->nets[0] = scratch->nets[1] = 0;
	kk_domains_of(&policy, &scratch->judged, scratch->domains);
	kk_begin(&c);
	scratch->program = c.program;
	scratch->offends = c.offends;
	return 0;
}

__noinline int guard_net(u32 index)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = {};
	struct kk_case c;

	if (index >= KK_NETS || case_of(&c, &policy, scratch))
		return -1;
	if (index >= kk_u16_at(&policy, KK_H_N_NETS))
		return 1;
	kk_find_net(&c, index);
	scratch->nets[0] = c.nets[0];
	scratch->nets[1] = c.nets[1];
	return 0;
}

__noinline int guard_control(u32 index, u32 control)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = {};
	struct kk_case c;
	u32 best;

	if (index >= KK_DOMAINS || control >= KK_CONTROLS || case_of(&c, &policy, scratch))
		return -1;
	kk_turn_to(&c, index);
	best = scratch->best;
	kk_judge(&c, control, &best, &scratch->verdict);
	scratch->best = best;
	return 0;
}

__noinline int guard_domain(u32 index)
{
	struct kk_policy policy = { policy_bytes(), 0 };
	u32 control;

	if (!policy.bytes || index >= kk_u16_at(&policy, KK_H_N_DOMAINS))
		return -1;
	for (control = 0; control < KK_CONTROLS; control++)
		guard_control(index, control);
	return 0;
}

__noinline int guard_finish(void)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = {};
	struct kk_case c;

	if (case_of(&c, &policy, scratch))
		return -1;
	kk_finish(&policy, scratch->domains, &scratch->attempt, &scratch->verdict);
	return 0;
}

static __always_inline u16 text_end(u8 *to, u32 room, const u8 *from, u32 length)
{
	u32 size = length;

	if (size > room - 1) {
		from += size - (room - 1);
		size = room - 1;
	}
	bpf_probe_read_kernel(to, size & (room - 1), from);
	return (u16)size;
}

/* Sends what is in the scratch to the agent. */
__noinline int guard_report(void)
{
	struct scratch *scratch = scratch_of_current();
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 id = bpf_get_current_pid_tgid();
	struct event *event;
	u32 at, length;

	if (!scratch)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count(COUNT_LOST);
		return 0;
	}
	count(COUNT_EVENTS);
	event->time = bpf_ktime_get_ns();
	event->process = id >> 32;
	event->thread = (u32)id;
	event->parent = BPF_CORE_READ(task, real_parent, tgid);
	event->user = (u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	event->subject = scratch->judged;
	event->attempt = scratch->attempt;
	event->verdict = scratch->verdict;
	event->kind = (u16)scratch->kind;
	at = scratch->path_at & (KK_PATH_MAX - 1);
	length = scratch->path_length & (KK_PATH_MAX - 1);
	if (length > sizeof(event->path) - 1) {
		at = (at + length - (sizeof(event->path) - 1)) & (KK_PATH_MAX - 1);
		length = sizeof(event->path) - 1;
	}
	bpf_probe_read_kernel(event->path, length & 255, &scratch->path[at]);
	event->path_length = (u16)length;
	event->target_length = (u16)scratch->target_length;
	bpf_probe_read_kernel(event->target, sizeof(event->target), scratch->target);
	event->argv_length = (u16)scratch->argv_length;
	bpf_probe_read_kernel(event->argv, KK_ARGV_MAX, scratch->argv);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

static __always_inline int is_learning(const struct scratch *scratch)
{
	return (scratch->judged.domains[0] & guard.learning[0]) |
	       (scratch->judged.domains[1] & guard.learning[1]);
}

static __always_inline int is_overridden(u32 session)
{
	u64 *until = session ? bpf_map_lookup_elem(&overrides, &session) : NULL;

	return until && bpf_ktime_get_ns() < *until;
}

/* Decides on what is in the scratch, reports it, and marks content. 0, or the errno to refuse with. */
__noinline int guard_judge(void)
{
	struct scratch *scratch = scratch_of_current();
	u32 index, action;

	if (!scratch)
		return EPERM;
	if (is_overridden(scratch->judged.session))
		scratch->attempt.flags |= KK_A_OVERRIDE;
	if (guard_begin())
		return EPERM;
	if (kk_asks_nets(&scratch->attempt))
		for (index = 0; index < KK_NETS; index++)
			if (guard_net(index))
				break;
	for (index = 0; index < KK_DOMAINS; index++)
		if (kk_bit(index < 32 ? scratch->domains[0] : scratch->domains[1], index))
			guard_domain(index);
	guard_finish();
	action = scratch->verdict.action;
	if (scratch->verdict.effects & KK_E_TAINT)
		taint(scratch->inode, scratch->judged.session);
	if (action != KK_ALLOW || scratch->verdict.effects & KK_E_OVERRIDDEN || is_learning(scratch))
		guard_report();
	if (action == KK_KILL)
		bpf_send_signal(SIGKILL);
	if (action < KK_REWRITE)
		return 0;
	return scratch->verdict.error ? scratch->verdict.error & 0xff : EPERM;
}

/* What a hook returns: 0 or a negative errno. Subtracted by hand, because the verifier follows a
 * subtraction and not a negation, and wants to know that the result is an errno. */
static __always_inline int refusal(u32 error)
{
	int result = 0;

	/* The compiler may know what a function returns, and leave out what only the verifier needs. */
	KK_HIDE(error);
	error &= 0xff;
	asm volatile("%0 -= %1" : "+r"(result) : "r"(error));
	return result;
}

static __always_inline int judge(void)
{
	return refusal((u32)guard_judge());
}

#endif
