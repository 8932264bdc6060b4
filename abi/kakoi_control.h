/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: what holds in one domain: does a control speak about an attempt, and do its lists leave it out?
 */
#ifndef KAKOI_CONTROL_H
#define KAKOI_CONTROL_H

#include "kakoi_attempt.h"

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

#define KK_CONTROL(name) (1u << KK_C_##name)
#define KK_CHANGE_CONTROLS (KK_CONTROL(SELF_PROTECT) | KK_CONTROL(FILES_WRITE) | KK_CONTROL(FILES_FORBID))

/* Controls that can speak about an operation at all, bit by enum kk_control: no other need be asked. What
 * kk_concerns() says of each, turned round. */
KK_FN kk_u32 kk_controls_of(kk_u32 op)
{
	switch (op) {
	case KK_OP_EXEC:
		return KK_CONTROL(SHELL_START) | KK_CONTROL(SCRIPT_EXEC) | KK_CONTROL(EXEC_OUTSIDE) |
		       KK_CONTROL(RUN_DROPPED) | KK_CONTROL(INTERPRET_DROPPED) | KK_CONTROL(FILES_FORBID) |
		       KK_CONTROL(EXEC_LIST) | KK_CONTROL(EXEC_FORBID);
	case KK_OP_MAP_EXEC:
		return KK_CONTROL(EXEC_OUTSIDE) | KK_CONTROL(RUN_DROPPED) | KK_CONTROL(FILES_FORBID);
	case KK_OP_MEM_EXEC:
		return KK_CONTROL(EXEC_MEMORY);
	case KK_OP_OPEN:
		return KK_CONTROL(WRITE_EXEC) | KK_CONTROL(INTERPRET_DROPPED) | KK_CONTROL(FILES_READ) |
		       KK_CHANGE_CONTROLS;
	case KK_OP_RECEIVE:
		return KK_CONTROL(WRITE_EXEC) | KK_CONTROL(FILES_READ) | KK_CHANGE_CONTROLS;
	case KK_OP_CREATE:
	case KK_OP_CHMOD:
	case KK_OP_SETXATTR:
		return KK_CONTROL(GRANT_EXEC) | KK_CHANGE_CONTROLS;
	case KK_OP_TRUNCATE:
	case KK_OP_LINK:
	case KK_OP_RENAME:
		return KK_CONTROL(WRITE_EXEC) | KK_CHANGE_CONTROLS;
	case KK_OP_REMOVE:
	case KK_OP_SETATTR:
		return KK_CHANGE_CONTROLS;
	case KK_OP_SOCKET:
		return KK_CONTROL(NET_FAMILY);
	case KK_OP_BIND:
		return KK_CONTROL(NET_BIND);
	case KK_OP_CONNECT:
		return KK_CONTROL(NET_CONNECT);
	case KK_OP_CAPABLE:
		return KK_CONTROL(CAPABILITIES);
	case KK_OP_PROTECT:
		return KK_CONTROL(SELF_PROTECT);
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

#endif
