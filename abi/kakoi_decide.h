/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: the decision on one attempt, and what becomes of the mark of a task.
 *
 * Stated precedence: of all rules that judge an attempt, in all domains of the subject, the
 * strictest wins (kill, deny, rewrite, audit, allow); a rule that only audits never hides one that
 * enforces; among equals the earlier in the file. The independent specification is
 * crates/policy/src/decide.rs; tests hold the two equal.
 */
#ifndef KAKOI_DECIDE_H
#define KAKOI_DECIDE_H

#include "kakoi_match.h"

#define KK_X_BITS 0111u
#define KK_GRANT_BITS 06111u	/* execute, set-user-ID, set-group-ID */

KK_FN kk_u32 kk_bit(kk_u32 value, kk_u32 bit)
{
	return value >> (bit & 31u) & 1u;
}

/* Kinds of the program of an exec attempt; what is not known is taken for a shell. */
KK_FN kk_u32 kk_program_of(const struct kk_policy *policy, const struct kk_attempt *attempt)
{
	kk_u32 program = kk_programs(policy, attempt->object.class_);

	if (attempt->unknown & KK_U_PATH)
		return KK_P_SHELL | KK_P_SCRIPTING;
	if (program & KK_P_MULTICALL) {
		program |= kk_programs(policy, attempt->applet);
		if (attempt->unknown & KK_U_ARGV)
			program |= KK_P_SHELL | KK_P_SCRIPTING;
	}
	return program;
}

/* ---- what an attempt is, whoever makes it -------------------------------------------------------- */

/* Does it change what is on disk? */
KK_FN int kk_changes(const struct kk_attempt *attempt)
{
	switch (attempt->op) {
	case KK_OP_OPEN:
	case KK_OP_RECEIVE:
		return (attempt->flags & (KK_A_WRITE | KK_A_TRUNCATE)) != 0;
	case KK_OP_CREATE:
	case KK_OP_CHMOD:
	case KK_OP_SETXATTR:
	case KK_OP_TRUNCATE:
	case KK_OP_LINK:
	case KK_OP_RENAME:
	case KK_OP_REMOVE:
	case KK_OP_SETATTR:
		return 1;
	default:
		return 0;
	}
}

KK_FN int kk_is_file_op(kk_u32 op)
{
	return op >= KK_OP_EXEC && op <= KK_OP_RECEIVE && op != KK_OP_MEM_EXEC;
}

KK_FN int kk_has_target(kk_u32 op)
{
	return op == KK_OP_LINK || op == KK_OP_RENAME;
}

/* Permission bits that the attempt would newly give. */
KK_FN kk_u32 kk_grants(const struct kk_attempt *attempt, kk_u32 directories)
{
	kk_u32 old = attempt->unknown & KK_U_MODE ? 0 : attempt->object.mode, bits = KK_GRANT_BITS;

	if (attempt->object.type == KK_TYPE_DIRECTORY && directories)
		bits = KK_X_BITS;
	else if (attempt->object.type != KK_TYPE_REGULAR)
		return 0;
	switch (attempt->op) {
	case KK_OP_CREATE:
		return attempt->mode & bits;
	case KK_OP_CHMOD:
		return attempt->mode & bits & ~old;
	case KK_OP_SETXATTR:
		if (attempt->arg == KK_XATTR_CAPABILITY)
			return bits;
		return attempt->arg == KK_XATTR_ACL ? attempt->mode & bits & ~old : 0;
	default:
		return 0;
	}
}

KK_FN int kk_executable(const struct kk_attempt *attempt, const struct kk_object *object)
{
	return object->type == KK_TYPE_REGULAR &&
	       (object->mode & KK_X_BITS || attempt->unknown & KK_U_MODE);
}

KK_FN int kk_writes_executable(const struct kk_attempt *attempt)
{
	switch (attempt->op) {
	case KK_OP_OPEN:
	case KK_OP_RECEIVE:
		return kk_changes(attempt) && kk_executable(attempt, &attempt->object);
	case KK_OP_TRUNCATE:
	case KK_OP_LINK:
		return kk_executable(attempt, &attempt->object);
	case KK_OP_RENAME:
		return attempt->target.flags & KK_O_EXISTS &&
		       kk_executable(attempt, &attempt->target);
	default:
		return 0;
	}
}

KK_FN int kk_stdin_is(const struct kk_attempt *attempt)
{
	return attempt->unknown & KK_U_STDIN || attempt->standard_input == KK_STDIN_FILE ||
	       attempt->standard_input == KK_STDIN_PIPE ||
	       attempt->standard_input == KK_STDIN_SOCKET;
}

/* A shell or scripting language whose code comes through standard input from no terminal. */
KK_FN int kk_reads_stdin(const struct kk_attempt *attempt, kk_u32 program)
{
	return program & (KK_P_SHELL | KK_P_SCRIPTING) &&
	       (attempt->argv == KK_ARGV_STDIN || attempt->unknown & KK_U_ARGV) &&
	       kk_stdin_is(attempt);
}

KK_FN int kk_runs_script(const struct kk_attempt *attempt, kk_u32 program)
{
	if (attempt->object.flags & KK_O_SCRIPT)
		return 1;
	if (attempt->flags & KK_A_VIA_SCRIPT)
		return 0;
	if (program & (KK_P_SHELL | KK_P_SCRIPTING | KK_P_FILTER) &&
	    (attempt->argv == KK_ARGV_FILE || attempt->unknown & KK_U_ARGV))
		return 1;
	return kk_reads_stdin(attempt, program);
}

/* Kinds of self-protection, bit by enum kk_protect, that the attempt offends. */
KK_FN kk_u32 kk_offends(const struct kk_policy *policy, const struct kk_attempt *attempt)
{
	kk_u32 kinds = 0;

	if (attempt->op == KK_OP_PROTECT)
		return attempt->arg < KK_PROTECTS ? 1u << (attempt->arg & 31u) : 0;
	if (!kk_changes(attempt))
		return 0;
	kinds = kk_protects(policy, attempt->object.class_);
	if (kk_has_target(attempt->op))
		kinds |= kk_protects(policy, attempt->target.class_);
	if (attempt->op == KK_OP_OPEN || attempt->op == KK_OP_RECEIVE) {
		if (attempt->object.type == KK_TYPE_BLOCK || attempt->object.flags & KK_O_RAW_DEVICE)
			kinds |= 1u << KK_X_DEVICE;
		if (attempt->object.flags & KK_O_PROC_MEM)
			kinds |= 1u << KK_X_MEMORY;
		if (attempt->object.flags & KK_O_HELPER)
			kinds |= 1u << KK_X_HELPER;
	}
	return kinds;
}

/* ---- what holds in one domain -------------------------------------------------------------------- */

struct kk_case {
	const struct kk_policy *policy;
	const struct kk_subject *subject;
	const struct kk_attempt *attempt;
	kk_u32 program;		/* of an exec */
	kk_u32 offends;
	kk_u32 nets[2];		/* domains with a network rule that allows it */
	kk_u32 at;		/* offset of the domain */
	kk_u32 flags;		/* KK_DF_* */
	kk_u32 index;		/* of the domain */
};

KK_FN int kk_tainted(const struct kk_case *c)
{
	if (c->attempt->object.flags & KK_O_TAINTED)
		return 1;
	return c->attempt->unknown & KK_U_TAINT && !(c->flags & KK_DF_EVERYONE);
}

KK_FN int kk_trusted(const struct kk_case *c, kk_u32 rule)
{
	const struct kk_object *object = &c->attempt->object;
	kk_u32 trust = kk_u8_at(c->policy, rule + KK_R_TRUST);

	if (object->flags & KK_O_UNLINKED)
		return 0;
	if (trust & object->trust & (KK_T_READ_ONLY | KK_T_VERITY | KK_T_DIGEST))
		return 1;
	if (kk_tainted(c))
		return 0;
	if (trust & object->trust & KK_T_INITRAMFS || trust & KK_T_UNTAINTED)
		return 1;
	return kk_has(c->policy, object->class_, kk_u16_at(c->policy, rule + KK_R_TRUSTED));
}

KK_FN int kk_asks_trust(const struct kk_case *c, kk_u32 rule)
{
	return kk_u8_at(c->policy, rule + KK_R_TRUST) ||
	       kk_u16_at(c->policy, rule + KK_R_TRUSTED) != KK_NONE;
}

KK_FN int kk_is_dropped(const struct kk_case *c)
{
	return kk_tainted(c) &&
	       !(c->attempt->object.trust & (KK_T_READ_ONLY | KK_T_VERITY | KK_T_DIGEST));
}

KK_FN int kk_interprets_dropped(const struct kk_case *c, kk_u32 rule)
{
	const struct kk_attempt *a = c->attempt;

	if (a->op == KK_OP_EXEC)
		return !(c->flags & KK_DF_EVERYONE) && !(a->flags & KK_A_VIA_SCRIPT) &&
		       kk_reads_stdin(a, c->program);
	if (a->op != KK_OP_OPEN || !(a->flags & KK_A_READ) ||
	    !(c->subject->program & KK_P_READS_CODE))
		return 0;
	if (a->object.type != KK_TYPE_REGULAR && a->object.type != KK_TYPE_FIFO)
		return 0;
	return kk_is_dropped(c) || (kk_asks_trust(c, rule) && !kk_trusted(c, rule));
}

/* Files without a name or a place in the tree are not judged by lists of paths. */
KK_FN int kk_has_place(const struct kk_object *object)
{
	return !(object->flags & KK_O_UNLINKED) && object->type != KK_TYPE_FIFO &&
	       object->type != KK_TYPE_SOCKET;
}

/* Does this control speak about the attempt at all, its lists aside? */
KK_FN int kk_concerns(const struct kk_case *c, kk_u32 control, kk_u32 rule)
{
	const struct kk_attempt *a = c->attempt;
	int exec = a->op == KK_OP_EXEC, runs = exec || a->op == KK_OP_MAP_EXEC;
	int step = a->flags & KK_A_VIA_SCRIPT;

	switch (control) {
	case KK_C_SHELL_START:
		return exec && !step && c->program & KK_P_SHELL;
	case KK_C_SCRIPT_EXEC:
		return exec && kk_runs_script(a, c->program) &&
		       !(a->object.flags & KK_O_SCRIPT && kk_asks_trust(c, rule) &&
			 kk_trusted(c, rule));
	case KK_C_GRANT_EXEC:
		return kk_grants(a, kk_u8_at(c->policy, rule + KK_R_FLAGS) & KK_RF_DIRECTORIES) != 0;
	case KK_C_WRITE_EXEC:
		return kk_writes_executable(a);
	case KK_C_EXEC_OUTSIDE:
		return runs && !kk_trusted(c, rule);
	case KK_C_RUN_DROPPED:
		return runs && kk_is_dropped(c);
	case KK_C_INTERPRET_DROPPED:
		return kk_interprets_dropped(c, rule);
	case KK_C_EXEC_MEMORY:
		return a->op == KK_OP_MEM_EXEC;
	case KK_C_SELF_PROTECT:
		return (c->offends & kk_u32_at(c->policy, c->at + KK_D_PROTECT)) != 0;
	case KK_C_FILES_READ:
		return (a->op == KK_OP_OPEN || a->op == KK_OP_RECEIVE) && a->flags & KK_A_READ &&
		       kk_has_place(&a->object);
	case KK_C_FILES_WRITE:
		return kk_changes(a) && kk_has_place(&a->object);
	case KK_C_FILES_FORBID:
		return kk_is_file_op(a->op);
	case KK_C_EXEC_LIST:
	case KK_C_EXEC_FORBID:
		return exec && !step;
	case KK_C_NET_BIND:
		return a->op == KK_OP_BIND && !kk_bit(c->index < 32u ? c->nets[0] : c->nets[1], c->index);
	case KK_C_NET_CONNECT:
		return a->op == KK_OP_CONNECT && !kk_bit(c->index < 32u ? c->nets[0] : c->nets[1], c->index);
	case KK_C_NET_FAMILY:
		return a->op == KK_OP_SOCKET &&
		       (a->family > 63u ||
			!kk_bit(kk_u32_at(c->policy, c->at + KK_D_FAMILIES + (a->family >> 5 & 1u) * 4u),
				a->family));
	case KK_C_CAPABILITIES:
		return a->op == KK_OP_CAPABLE &&
		       (a->arg > 63u ||
			!kk_bit(kk_u32_at(c->policy, c->at + KK_D_CAPS + (a->arg >> 5 & 1u) * 4u),
				a->arg));
	default:
		return 0;
	}
}

/* The program of an exec is named by its path, and the applet of a multi-call program also by its
 * name; so are the two ends of a rename and a link. */
KK_FN int kk_listed(const struct kk_case *c, kk_u32 label)
{
	const struct kk_attempt *a = c->attempt;

	if (kk_has(c->policy, a->object.class_, label))
		return 1;
	if (a->op == KK_OP_EXEC && c->program & KK_P_MULTICALL && !(a->unknown & KK_U_ARGV))
		return kk_has(c->policy, a->applet, label);
	return 0;
}

KK_FN int kk_excepted(const struct kk_case *c, kk_u32 rule)
{
	const struct kk_attempt *a = c->attempt;
	kk_u32 label = kk_u16_at(c->policy, rule + KK_R_EXCEPT);

	if (label == KK_NONE || !kk_listed(c, label))
		return 0;
	return !kk_has_target(a->op) || kk_has(c->policy, a->target.class_, label);
}

KK_FN int kk_left_out(const struct kk_case *c, kk_u32 rule)
{
	const struct kk_attempt *a = c->attempt;
	kk_u32 label = kk_u16_at(c->policy, rule + KK_R_ONLY);

	if (label == KK_NONE || kk_listed(c, label))
		return 0;
	return !(kk_has_target(a->op) && kk_has(c->policy, a->target.class_, label));
}

/* ---- network ------------------------------------------------------------------------------------- */

/* IPv4 in IPv6 (::ffff:a.b.c.d) is IPv4. */
KK_FN kk_u32 kk_mapped(const struct kk_attempt *attempt)
{
	kk_u32 at, zero = 0;

	for (at = 0; at < 10u; at++)
		zero |= attempt->address[at];
	return attempt->family == 10u && !zero && attempt->address[10] == 0xff &&
	       attempt->address[11] == 0xff ? 12u : 0;
}

KK_FN int kk_address_matches(const struct kk_policy *policy, kk_u32 net,
			     const struct kk_attempt *attempt, kk_u32 skip)
{
	kk_u32 prefix = kk_u8_at(policy, net + KK_N_PREFIX), at, mask, bits;

	for (at = 0; at < 16u; at++) {
		if (at * 8u >= prefix || at + skip > 15u)
			break;
		bits = prefix - at * 8u;
		mask = bits >= 8u ? 0xffu : 0xffu << (8u - bits) & 0xffu;
		if ((kk_u8_at(policy, net + KK_N_ADDRESS + at) ^
		     attempt->address[(at + skip) & 15u]) & mask)
			return 0;
	}
	return 1;
}

/* One network rule: does it allow this, for its domain? */
KK_FN void kk_find_net(struct kk_case *c, kk_u32 index)
{
	const struct kk_attempt *a = c->attempt;
	kk_u32 op = a->op == KK_OP_BIND ? 1u : 2u, skip = kk_mapped(a), domain, wanted;
	kk_u32 family = skip ? 2u : a->family, net = kk_u32_at(c->policy, KK_H_NETS) + index * KK_NET;

	wanted = kk_u8_at(c->policy, net + KK_N_FAMILY);
	if (!(kk_u8_at(c->policy, net + KK_N_OPS) & op) || (wanted && wanted != family))
		return;
	wanted = kk_u8_at(c->policy, net + KK_N_PROTOCOL);
	if ((wanted && wanted != a->protocol) ||
	    a->port < kk_u16_at(c->policy, net + KK_N_LOW) ||
	    a->port > kk_u16_at(c->policy, net + KK_N_HIGH))
		return;
	if (!kk_address_matches(c->policy, net, a, skip))
		return;
	domain = kk_u8_at(c->policy, net + KK_N_DOMAIN);
	if (domain < 32u)
		c->nets[0] |= 1u << (domain & 31u);
	else
		c->nets[1] |= 1u << (domain & 31u);
}

/* ---- the decision -------------------------------------------------------------------------------- */

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
	kk_u32 control;

	kk_turn_to(c, index);
	for (control = 0; control < KK_CONTROLS; control++)
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
	for (index = 0; index < KK_DOMAINS; index++)
		if (kk_bit(index < 32u ? domains[0] : domains[1], index) &&
		    index < kk_u16_at(policy, KK_H_N_DOMAINS))
			kk_judge_domain(&c, index, &best, verdict);
	kk_finish(policy, domains, attempt, verdict);
}

/* ---- lineage ------------------------------------------------------------------------------------- */

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
	for (index = 0; index < KK_DOMAINS; index++)
		if (index < kk_u16_at(policy, KK_H_N_DOMAINS))
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
