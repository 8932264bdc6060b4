// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running a program. A binary format is put before all others: it is asked first for every program and
 * for every interpreter that a script names, and answers "not mine" unless the policy refuses. No hook is
 * needed, on any kernel and processor.
 */
#include <linux/binfmts.h>
#include <linux/slab.h>

#include "kakoi_lkm.h"

/* The program of an exec is judged twice when it is named by a script: first the script, then this. */
static bool named_by_script(const struct linux_binprm *bprm)
{
	return bprm->interp != bprm->filename;
}

/* What can be asked without the policy. */
static void facts(struct kakoi_case *c, struct linux_binprm *bprm)
{
	bool known = true;

	kakoi_object(c, &bprm->file->f_path);
	if (bprm->buf[0] == '#' && bprm->buf[1] == '!')
		c->attempt.object.flags |= KK_O_SCRIPT;
	if (named_by_script(bprm))
		c->attempt.flags |= KK_A_VIA_SCRIPT;
	c->attempt.standard_input = kakoi_standard_input(&known);
	if (!known)
		c->attempt.unknown |= KK_U_STDIN;
}

/* Within rcu_read_lock(): classes, the mark to come, the verdict. */
static int decide(struct kakoi_case *c, const struct kakoi_policy *policy,
		  const struct kk_arguments *arguments, u32 remote, struct kk_subject *next)
{
	struct kk_subject old = c->subject;

	c->attempt.object.class_ = kakoi_class_of(policy, c->path);
	if (c->attempt.object.class_ == KK_CLASS_UNKNOWN)
		c->attempt.unknown |= KK_U_PATH;
	kakoi_next_mark(policy, &old, arguments, &c->attempt, remote, kakoi_serial(), next);
	kk_exec_subject(&policy->blob, &old, next, &c->subject);
	c->subject.session = next->session;
	return kakoi_settle(c, policy);
}

static int judge(struct linux_binprm *bprm, u8 *room)
{
	struct kk_arguments arguments = { NULL, 0, 0 };
	const struct kakoi_policy *policy;
	struct kk_subject next;
	struct kakoi_case c;
	u32 remote;
	int answer = 0;

	kakoi_begin(&c, KK_OP_EXEC, GFP_KERNEL);
	facts(&c, bprm);
	if (!kakoi_arguments(bprm, room, &arguments))
		arguments.bytes = NULL;
	remote = kakoi_remote();
	memset(&next, 0, sizeof(next));
	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	if (policy)
		answer = decide(&c, policy, &arguments, remote, &next);
	rcu_read_unlock();
	kakoi_end(&c);
	if (policy && !answer) {
		if (next.domains[0] | next.domains[1])
			kakoi_hooks_need();
		answer = kakoi_mark_pend(bprm, &next);
	}
	return answer;
}

static int first(struct linux_binprm *bprm)
{
	int answer;
	u8 *room;

	if (!rcu_access_pointer(kakoi_policy))
		return -ENOEXEC;
	room = kmalloc(KK_ARGV_MAX, GFP_KERNEL);
	if (!room)
		return -ENOMEM;
	answer = judge(bprm, room);
	kfree(room);
	/* Not ours: the next format is asked. */
	return answer ? answer : -ENOEXEC;
}

static struct linux_binfmt format = {
	.module = THIS_MODULE,
	.load_binary = first,
};

int kakoi_exec_begin(void)
{
	__register_binfmt(&format, 1);
	return 0;
}

void kakoi_exec_end(void)
{
	unregister_binfmt(&format);
}
