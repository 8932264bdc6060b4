/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: what becomes of the mark of a task: at fork, when a connection is taken, and at exec.
 */
#ifndef KAKOI_LINEAGE_H
#define KAKOI_LINEAGE_H

#include "kakoi_decide.h"

/* A task is made. A child of a login daemon that has taken a connection is a session. `serial` is a
 * number never used before. Threads get their process's mark unchanged: do not call this for them. */
KK_FN void kk_fork(const struct kk_subject *parent, struct kk_subject *child, kk_u32 serial)
{
	*child = *parent;
	if (!(parent->daemon[0] | parent->daemon[1]) || !(parent->flags & KK_SF_ACCEPTED))
		return;
	child->domains[0] |= parent->daemon[0];
	child->domains[1] |= parent->daemon[1];
	child->daemon[0] = child->daemon[1] = 0;
	child->flags &= (kk_u16)~KK_SF_ACCEPTED;
	child->session = serial;
}

/* A connection is taken. The mark is that of the process: its first task. */
KK_FN void kk_accept(struct kk_subject *subject)
{
	if (subject->daemon[0] | subject->daemon[1])
		subject->flags |= KK_SF_ACCEPTED;
}

KK_FN int kk_enters(const struct kk_case *c, const kk_u32 *held, kk_u32 remote)
{
	kk_u32 parents[2], enter = kk_u16_at(c->policy, c->at + KK_D_ENTER);
	int from;

	if (kk_u32_at(c->policy, c->at + KK_D_REMOTE) & remote)
		return 1;
	parents[0] = kk_u32_at(c->policy, c->at + KK_D_PARENTS);
	parents[1] = kk_u32_at(c->policy, c->at + KK_D_PARENTS + 4u);
	from = (parents[0] & held[0]) | (parents[1] & held[1]) ? 1 : 0;
	if (c->flags & KK_DF_BY_PARENT)
		return from;
	if (enter == KK_NONE || !kk_listed(c, enter))
		return 0;
	return from || !(parents[0] | parents[1]);
}

/* What running the program means for one domain. `replaced` gathers the domains that are left. */
KK_FN void kk_exec_domain(struct kk_case *c, kk_u32 index, kk_u32 remote, kk_u32 *replaced,
			  struct kk_subject *next)
{
	const kk_u32 *held = c->subject->domains;
	kk_u32 word = index >> 5 & 1u, bit = 1u << (index & 31u), is_daemon;

	kk_turn_to(c, index);
	is_daemon = kk_u16_at(c->policy, c->at + KK_D_DAEMONS);
	is_daemon = is_daemon != KK_NONE && kk_listed(c, is_daemon);
	if (!is_daemon && next->daemon[word] & bit) {
		next->daemon[word] &= ~bit;
		next->domains[word] |= bit;
	} else if (is_daemon && !(held[word] & bit)) {
		next->daemon[word] |= bit;
	}
	if (!(held[word] & bit) && kk_enters(c, held, remote)) {
		next->domains[word] |= bit;
		replaced[0] |= kk_u32_at(c->policy, c->at + KK_D_REPLACES);
		replaced[1] |= kk_u32_at(c->policy, c->at + KK_D_REPLACES + 4u);
	}
}

KK_FN void kk_exec_finish(const struct kk_case *c, kk_u32 serial, const kk_u32 *replaced,
			  struct kk_subject *next)
{
	const kk_u32 *held = c->subject->domains;
	kk_u32 word;

	for (word = 0; word < 2u; word++)
		next->domains[word] &= ~(replaced[word] & held[word] &
					 ~kk_u32_at(c->policy, KK_H_STICKY + word * 4u));
	if (!(next->daemon[0] | next->daemon[1]))
		next->flags &= (kk_u16)~KK_SF_ACCEPTED;
	if (!(held[0] | held[1]) && next->domains[0] | next->domains[1])
		next->session = serial;
	next->program = (kk_u16)c->program;
	next->class_ = c->attempt->object.class_;
	next->applet = c->attempt->applet;
}

/* A program is run: what the mark becomes, if the exec is not refused. `attempt` is that of the
 * program (not of the script that named it), `remote` KK_REMOTE_*. */
KK_FN void kk_exec(const struct kk_policy *policy, const struct kk_subject *subject,
		   const struct kk_attempt *attempt, kk_u32 remote, kk_u32 serial,
		   struct kk_subject *next)
{
	struct kk_case c = { 0, 0, 0, 0, 0, { 0, 0 }, 0, 0, 0 };
	kk_u32 replaced[2] = { 0, 0 }, index;

	*next = *subject;
	c.policy = policy;
	c.subject = subject;
	c.attempt = attempt;
	c.program = kk_program_of(policy, attempt);
	for (index = 0; index < KK_DOMAINS && index < kk_u16_at(policy, KK_H_N_DOMAINS); index++)
		kk_exec_domain(&c, index, remote, replaced, next);
	kk_exec_finish(&c, serial, replaced, next);
}

/* Who is judged for an exec: the old mark, and the sessions that this exec begins. (A service is
 * not judged by the rules of its own domain for being started.) */
KK_FN void kk_exec_subject(const struct kk_policy *policy, const struct kk_subject *subject,
			   const struct kk_subject *next, struct kk_subject *judged)
{
	kk_u32 word;

	*judged = *subject;
	for (word = 0; word < 2u; word++)
		judged->domains[word] |= next->domains[word] &
					 kk_u32_at(policy, KK_H_STICKY + word * 4u);
}

#endif
