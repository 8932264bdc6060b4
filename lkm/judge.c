// SPDX-License-Identifier: GPL-2.0-only
/* From facts to a verdict to what is done. */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "kakoi_lkm.h"

/* Overrides that were granted from outside: session and when it ends. */
static struct {
	u32 session;
	unsigned long until;
} grants[16];
static DEFINE_SPINLOCK(grants_lock);

int kakoi_grant(u32 session, u32 seconds)
{
	size_t at, place = ARRAY_SIZE(grants);

	if (!session || seconds > 24 * 3600)
		return -EINVAL;
	spin_lock(&grants_lock);
	for (at = 0; at < ARRAY_SIZE(grants); at++)
		if (grants[at].session == session ||
		    (place == ARRAY_SIZE(grants) && (!grants[at].session || time_after(jiffies, grants[at].until))))
			place = at;
	if (place < ARRAY_SIZE(grants)) {
		grants[place].session = session;
		grants[place].until = jiffies + seconds * HZ;
	}
	spin_unlock(&grants_lock);
	return place < ARRAY_SIZE(grants) ? 0 : -ENOSPC;
}

static bool granted(u32 session)
{
	size_t at;

	for (at = 0; session && at < ARRAY_SIZE(grants); at++)
		if (READ_ONCE(grants[at].session) == session)
			return time_before(jiffies, READ_ONCE(grants[at].until));
	return false;
}

u16 kakoi_class_of(const struct kakoi_policy *policy, const char *path)
{
	return path ? kk_match_path(&policy->blob, (const u8 *)path, strlen(path)) : 0;
}

void kakoi_next_mark(const struct kakoi_policy *policy, const struct kk_subject *old,
		     const struct kk_arguments *arguments, struct kk_attempt *attempt, u32 remote, u32 serial,
		     struct kk_subject *next)
{
	if (!arguments->bytes)
		attempt->unknown |= KK_U_ARGV;
	else
		kk_argv(&policy->blob, arguments, attempt);
	kk_exec(&policy->blob, old, attempt, remote, serial, next);
}

static void classes(struct kakoi_case *c, const struct kakoi_policy *policy)
{
	c->attempt.object.class_ = kakoi_class_of(policy, c->path);
	c->attempt.target.class_ = kakoi_class_of(policy, c->target);
	if (c->attempt.object.class_ == KK_CLASS_UNKNOWN)
		c->attempt.unknown |= KK_U_PATH;
	if (c->attempt.target.class_ == KK_CLASS_UNKNOWN)
		c->attempt.unknown |= KK_U_TARGET;
}

int kakoi_settle(struct kakoi_case *c, const struct kakoi_policy *policy)
{
	if (granted(c->subject.session))
		c->attempt.flags |= KK_A_OVERRIDE;
	kk_decide(&policy->blob, &c->subject, &c->attempt, &c->verdict);
	if (c->verdict.effects & KK_E_TAINT && c->taint)
		kakoi_drop(c->taint);
	if (c->verdict.action != KK_ALLOW && !c->quiet)
		kakoi_event(c, policy);
	if (c->verdict.action == KK_KILL)
		send_sig(SIGKILL, current, 1);
	if (c->verdict.action < KK_DENY)
		return 0;
	return c->verdict.error ? -(int)c->verdict.error : -EPERM;
}

int kakoi_judge(struct kakoi_case *c)
{
	const struct kakoi_policy *policy;
	int answer = 0;

	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	if (policy) {
		classes(c, policy);
		answer = kakoi_settle(c, policy);
	}
	rcu_read_unlock();
	return answer;
}

int kakoi_protected(enum kk_protect kind, const char *word)
{
	struct kakoi_case c;
	int answer;

	kakoi_begin(&c, KK_OP_PROTECT, GFP_ATOMIC);
	c.attempt.arg = kind;
	c.word = word;
	answer = kakoi_judge(&c);
	kakoi_end(&c);
	return answer;
}
