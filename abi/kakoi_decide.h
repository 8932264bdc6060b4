/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: the decision on one attempt.
 *
 * Stated precedence: of all rules that judge an attempt, in all domains of the subject, the
 * strictest wins (kill, deny, rewrite, audit, allow); a rule that only audits never hides one that
 * enforces; among equals the earlier in the file. The independent specification is
 * crates/policy/src/decide.rs; tests hold the two equal.
 */
#ifndef KAKOI_DECIDE_H
#define KAKOI_DECIDE_H

#include "kakoi_net.h"

KK_FN int kk_can_rewrite(const struct kk_attempt *attempt)
{
	return (attempt->op == KK_OP_CHMOD || attempt->op == KK_OP_CREATE) &&
	       attempt->flags & KK_A_CAN_REWRITE;
}

KK_FN int kk_overridden(const struct kk_case *c, kk_u32 control)
{
	return c->attempt->flags & KK_A_OVERRIDE &&
	       kk_bit(kk_u32_at(c->policy, KK_H_OVERRIDE + (c->index >> 5 & 1u) * 4u), c->index) &&
	       kk_bit(kk_u32_at(c->policy, KK_H_OVERRIDE_CONTROLS), control);
}

/* What a rule asks for here, as the backend can do it. */
KK_FN kk_u32 kk_effective(const struct kk_case *c, kk_u32 control, kk_u32 rule)
{
	kk_u32 action = kk_u8_at(c->policy, rule + KK_R_ACTION);

	if (action == KK_ALLOW)
		return KK_ALLOW;
	if (kk_u8_at(c->policy, rule + KK_R_FLAGS) & KK_RF_AUDIT ||
	    kk_u16_at(c->policy, KK_H_FLAGS) & KK_PF_AUDIT || kk_overridden(c, control))
		return KK_AUDIT;
	if (action == KK_REWRITE && !(control == KK_C_GRANT_EXEC && kk_can_rewrite(c->attempt)))
		return KK_DENY;
	return action;
}

KK_FN void kk_judge(const struct kk_case *c, kk_u32 control, kk_u32 *best,
		    struct kk_verdict *verdict)
{
	kk_u32 rule = c->at + KK_D_RULES + control * KK_RULE, action, would, id, key;

	would = kk_u8_at(c->policy, rule + KK_R_ACTION);
	if (would == KK_ALLOW || !kk_concerns(c, control, rule) || kk_excepted(c, rule) ||
	    kk_left_out(c, rule))
		return;
	action = kk_effective(c, control, rule);
	id = kk_u16_at(c->policy, rule + KK_R_ID);
	if (would != KK_AUDIT && kk_overridden(c, control))
		verdict->effects |= KK_E_OVERRIDDEN;
	key = (action << 24 | would << 16 | (0xffffu - id)) + 1u;
	if (key <= *best)
		return;
	*best = key;
	verdict->action = (kk_u8)action;
	verdict->would = (kk_u8)would;
	verdict->control = (kk_u8)control;
	verdict->domain = (kk_u8)c->index;
	verdict->rule = (kk_u16)id;
	verdict->error = (kk_u16)kk_u8_at(c->policy, rule + KK_R_ERRNO);
	verdict->mode = (kk_u16)(c->attempt->mode &
		~kk_grants(c->attempt, kk_u8_at(c->policy, rule + KK_R_FLAGS) & KK_RF_DIRECTORIES));
}

/* Is what the subject writes dropped content? Only regular files and pipes carry content. */
KK_FN int kk_taints(const struct kk_policy *policy, const kk_u32 *domains,
		    const struct kk_attempt *attempt)
{
	kk_u32 type = attempt->object.type, tainting[2], word, lifted[2] = { 0, 0 };

	if (type != KK_TYPE_REGULAR && type != KK_TYPE_FIFO)
		return 0;
	if (attempt->op != KK_OP_CREATE && attempt->op != KK_OP_TRUNCATE &&
	    !((attempt->op == KK_OP_OPEN || attempt->op == KK_OP_RECEIVE) && kk_changes(attempt)))
		return 0;
	if (attempt->flags & KK_A_OVERRIDE &&
	    kk_bit(kk_u32_at(policy, KK_H_OVERRIDE_CONTROLS), KK_C_RUN_DROPPED)) {
		lifted[0] = kk_u32_at(policy, KK_H_OVERRIDE);
		lifted[1] = kk_u32_at(policy, KK_H_OVERRIDE + 4u);
	}
	for (word = 0; word < 2u; word++)
		tainting[word] = kk_u32_at(policy, KK_H_TAINTING + word * 4u) & domains[word] &
				 ~lifted[word];
	return (tainting[0] | tainting[1]) != 0;
}

KK_FN void kk_domains_of(const struct kk_policy *policy, const struct kk_subject *subject,
			 kk_u32 *domains)
{
	kk_u32 word;

	for (word = 0; word < 2u; word++) {
		domains[word] = subject->domains[word] |
				kk_u32_at(policy, KK_H_EVERYONE + word * 4u);
		if (subject->flags & KK_SF_UNKNOWN)
			domains[word] |= kk_u32_at(policy, KK_H_UNKNOWN + word * 4u);
	}
}

/* Can this operation of this subject be decided without looking at it? True for nearly all that the
 * unheld do. Hooks ask first, before they resolve a path. */
KK_FN int kk_is_free(const struct kk_policy *policy, const struct kk_subject *subject, kk_u32 op)
{
	if (subject->domains[0] | subject->domains[1] || subject->flags & KK_SF_UNKNOWN)
		return 0;
	return !kk_bit(kk_u32_at(policy, KK_H_EVERYONE_OPS), op);
}

/* The decision in steps, for those (BPF) that must not take them in one function: kk_begin(), then
 * kk_find_net() for each network rule, kk_turn_to() each domain and kk_judge() each control, and
 * kk_finish(). */
KK_FN void kk_begin(struct kk_case *c)
{
	c->program = c->attempt->op == KK_OP_EXEC ? kk_program_of(c->policy, c->attempt) : 0;
	c->offends = kk_offends(c->policy, c->attempt);
}

KK_FN int kk_asks_nets(const struct kk_attempt *attempt)
{
	return attempt->op == KK_OP_BIND || attempt->op == KK_OP_CONNECT;
}

KK_FN void kk_turn_to(struct kk_case *c, kk_u32 index)
{
	c->index = index;
	c->at = kk_u32_at(c->policy, KK_H_DOMAINS) + index * KK_DOMAIN;
	c->flags = kk_u32_at(c->policy, c->at + KK_D_FLAGS);
}

KK_FN void kk_judge_domain(struct kk_case *c, kk_u32 index, kk_u32 *best,
			   struct kk_verdict *verdict)
{
	kk_u32 control, asked = kk_controls_of(c->attempt->op);

	kk_turn_to(c, index);
	for (control = 0; asked; control++, asked >>= 1)
		if (asked & 1u)
			kk_judge(c, control, best, verdict);
}

KK_FN void kk_finish(const struct kk_policy *policy, const kk_u32 *domains,
		     const struct kk_attempt *attempt, struct kk_verdict *verdict)
{
	if (verdict->action != KK_REWRITE)
		verdict->mode = 0;
	if (verdict->action < KK_DENY && kk_taints(policy, domains, attempt))
		verdict->effects |= KK_E_TAINT;
}

/* The decision. Total and pure. */
KK_FN void kk_decide(const struct kk_policy *policy, const struct kk_subject *subject,
		     const struct kk_attempt *attempt, struct kk_verdict *verdict)
{
	struct kk_verdict none = { 0, 0, 0, 0, 0, 0, 0, 0 };
	struct kk_case c = { 0, 0, 0, 0, 0, { 0, 0 }, 0, 0, 0 };
	kk_u32 domains[2], best = 0, index;

	*verdict = none;
	if (kk_is_free(policy, subject, attempt->op))
		return;
	kk_domains_of(policy, subject, domains);
	c.policy = policy;
	c.subject = subject;
	c.attempt = attempt;
	kk_begin(&c);
	for (index = 0; kk_asks_nets(attempt) && index < KK_NETS; index++)
		if (index < kk_u16_at(policy, KK_H_N_NETS))
			kk_find_net(&c, index);
	for (index = 0; index < KK_DOMAINS && index < kk_u16_at(policy, KK_H_N_DOMAINS); index++)
		if (kk_bit(index < 32u ? domains[0] : domains[1], index))
			kk_judge_domain(&c, index, &best, verdict);
	kk_finish(policy, domains, attempt, verdict);
}

#endif
