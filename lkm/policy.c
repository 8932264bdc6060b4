// SPDX-License-Identifier: GPL-2.0-only
/* The policy in force: checked as a whole, then put in place of the one before; and what it asks of hooks. */
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "kakoi_lkm.h"

struct kakoi_policy __rcu *kakoi_policy;
static DEFINE_MUTEX(loading);

#define FILE_OPS (KAKOI_BIT(KK_OP_EXEC) | KAKOI_BIT(KK_OP_MAP_EXEC) | KAKOI_BIT(KK_OP_OPEN) |		\
		  KAKOI_BIT(KK_OP_RECEIVE) | CHANGES)
#define CHANGES (KAKOI_BIT(KK_OP_OPEN) | KAKOI_BIT(KK_OP_CREATE) | KAKOI_BIT(KK_OP_CHMOD) |		\
		 KAKOI_BIT(KK_OP_SETXATTR) | KAKOI_BIT(KK_OP_TRUNCATE) | KAKOI_BIT(KK_OP_LINK) |	\
		 KAKOI_BIT(KK_OP_RENAME) | KAKOI_BIT(KK_OP_REMOVE) | KAKOI_BIT(KK_OP_SETATTR) |		\
		 KAKOI_BIT(KK_OP_RECEIVE))

/* Operations that each control judges; what kk_concerns() says, by enum kk_control. */
static const u32 judged[KK_CONTROLS] = {
	[KK_C_SHELL_START] = KAKOI_BIT(KK_OP_EXEC),
	[KK_C_SCRIPT_EXEC] = KAKOI_BIT(KK_OP_EXEC),
	[KK_C_GRANT_EXEC] = KAKOI_BIT(KK_OP_CREATE) | KAKOI_BIT(KK_OP_CHMOD) | KAKOI_BIT(KK_OP_SETXATTR),
	[KK_C_WRITE_EXEC] = KAKOI_BIT(KK_OP_OPEN) | KAKOI_BIT(KK_OP_RECEIVE) | KAKOI_BIT(KK_OP_TRUNCATE) |
			    KAKOI_BIT(KK_OP_LINK) | KAKOI_BIT(KK_OP_RENAME),
	[KK_C_EXEC_OUTSIDE] = KAKOI_BIT(KK_OP_EXEC) | KAKOI_BIT(KK_OP_MAP_EXEC),
	[KK_C_RUN_DROPPED] = KAKOI_BIT(KK_OP_EXEC) | KAKOI_BIT(KK_OP_MAP_EXEC),
	[KK_C_INTERPRET_DROPPED] = KAKOI_BIT(KK_OP_EXEC) | KAKOI_BIT(KK_OP_OPEN),
	[KK_C_EXEC_MEMORY] = KAKOI_BIT(KK_OP_MEM_EXEC),
	[KK_C_SELF_PROTECT] = CHANGES | KAKOI_BIT(KK_OP_PROTECT),
	[KK_C_FILES_READ] = KAKOI_BIT(KK_OP_OPEN) | KAKOI_BIT(KK_OP_RECEIVE),
	[KK_C_FILES_WRITE] = CHANGES,
	[KK_C_FILES_FORBID] = FILE_OPS,
	[KK_C_EXEC_LIST] = KAKOI_BIT(KK_OP_EXEC),
	[KK_C_EXEC_FORBID] = KAKOI_BIT(KK_OP_EXEC),
	[KK_C_NET_BIND] = KAKOI_BIT(KK_OP_BIND),
	[KK_C_NET_CONNECT] = KAKOI_BIT(KK_OP_CONNECT),
	[KK_C_NET_FAMILY] = KAKOI_BIT(KK_OP_SOCKET),
	[KK_C_CAPABILITIES] = KAKOI_BIT(KK_OP_CAPABLE),
};

#define TAINT_OPS (KAKOI_BIT(KK_OP_OPEN) | KAKOI_BIT(KK_OP_RECEIVE))
#define DROPPED_CONTROLS (KAKOI_BIT(KK_C_RUN_DROPPED) | KAKOI_BIT(KK_C_INTERPRET_DROPPED))

/* Domains with filters. A kernel that cannot attach any is not asked to. */
static void prepare_filters(struct kakoi_policy *policy)
{
	const struct kk_policy *blob = &policy->blob;
	u32 index, domain;

	if (kakoi_filters_missing())
		return;
	for (index = 0; index < kk_u16_at(blob, KK_H_N_FILTERS); index++) {
		domain = kk_u32_at(blob, kk_u32_at(blob, KK_H_FILTERS) + index * KK_FILTER);
		policy->filtering[domain >> 5 & 1] |= KAKOI_BIT(domain & 31);
		policy->ops |= KAKOI_FILTER;
	}
}

/* Does a rule of the domain trust what a digest vouches for? */
static bool asks_digests(const struct kk_policy *blob, u32 index, u32 controls)
{
	u32 rule = kk_u32_at(blob, KK_H_DOMAINS) + index * KK_DOMAIN + KK_D_RULES, control;

	for (control = 0; control < KK_CONTROLS; control++, rule += KK_RULE)
		if (controls & KAKOI_BIT(control) && kk_u8_at(blob, rule + KK_R_TRUST) & KK_T_DIGEST)
			return true;
	return false;
}

/* The controls of a domain that have a rule. */
static u32 controls_of(const struct kk_policy *blob, u32 index)
{
	u32 domain = kk_u32_at(blob, KK_H_DOMAINS) + index * KK_DOMAIN, control, controls = 0;

	for (control = 0; control < KK_CONTROLS; control++)
		if (kk_u8_at(blob, domain + KK_D_RULES + control * KK_RULE + KK_R_ACTION) != KK_ALLOW)
			controls |= KAKOI_BIT(control);
	return controls;
}

static u32 ops_of_controls(u32 controls)
{
	u32 control, ops = 0;

	for (control = 0; control < KK_CONTROLS; control++)
		if (controls & KAKOI_BIT(control))
			ops |= judged[control];
	return ops;
}

static bool in_set(const struct kk_policy *blob, u32 header, u32 index)
{
	return kk_bit(kk_u32_at(blob, header + (index >> 5) * 4), index);
}

/* What hooks ask often is worked out once. */
static void prepare(struct kakoi_policy *policy)
{
	struct kk_policy *blob = &policy->blob;
	u32 index, domain, controls, everyone = 0;

	for (index = 0; index < kk_u16_at(blob, KK_H_N_DOMAINS); index++) {
		controls = controls_of(blob, index);
		policy->controls |= controls;
		policy->digests |= asks_digests(blob, index, controls);
		policy->domain_ops[index] = ops_of_controls(controls);
		if (in_set(blob, KK_H_TAINTING, index))
			policy->domain_ops[index] |= TAINT_OPS;
		if (in_set(blob, KK_H_UNKNOWN, index))
			policy->unknown_ops |= policy->domain_ops[index];
		if (in_set(blob, KK_H_EVERYONE, index)) {
			everyone |= controls;
			policy->everyone_ops |= policy->domain_ops[index];
		}
		policy->ops |= policy->domain_ops[index];
		domain = kk_u32_at(blob, KK_H_DOMAINS) + index * KK_DOMAIN;
		if (kk_u32_at(blob, domain + KK_D_REMOTE))
			policy->remote = true;
	}
	/* Who changes content is looked at, whoever it is. */
	if (policy->digests)
		policy->ops |= KAKOI_BIT(KK_OP_OPEN) | KAKOI_BIT(KK_OP_TRUNCATE);
	policy->only_dropped = !(everyone & ~DROPPED_CONTROLS);
	prepare_filters(policy);
}

u32 kakoi_ops_of_control(u32 control)
{
	return control < KK_CONTROLS ? judged[control] : 0;
}

static struct sock_filter *copied(const struct kk_policy *blob, u32 from, u32 count)
{
	struct sock_filter *program = kmalloc_array(count, sizeof(*program), GFP_KERNEL);
	u32 at;

	for (at = 0; program && at < count; at++, from += 8) {
		program[at].code = kk_u16_at(blob, from);
		program[at].jt = kk_u8_at(blob, from + 2);
		program[at].jf = kk_u8_at(blob, from + 3);
		program[at].k = kk_u32_at(blob, from + 4);
	}
	return program;
}

int kakoi_policy_filter(u32 domain, u32 architecture, struct sock_filter **program, u32 *count)
{
	const struct kakoi_policy *policy;
	u32 index, at;
	int answer = 0;

	mutex_lock(&loading);
	policy = rcu_dereference_protected(kakoi_policy, lockdep_is_held(&loading));
	for (index = 0; policy && answer <= 0 && index < kk_u16_at(&policy->blob, KK_H_N_FILTERS); index++) {
		at = kk_u32_at(&policy->blob, KK_H_FILTERS) + index * KK_FILTER;
		if (kk_u32_at(&policy->blob, at) != domain)
			continue;
		/* It has filters, but for other architectures as yet. */
		answer = -ENOEXEC;
		if (kk_u32_at(&policy->blob, at + 4) != architecture)
			continue;
		*count = kk_u32_at(&policy->blob, at + 12);
		*program = copied(&policy->blob, kk_u32_at(&policy->blob, at + 8), *count);
		answer = *program ? 1 : -ENOMEM;
		if (answer < 0)
			break;
	}
	mutex_unlock(&loading);
	return answer;
}

u32 kakoi_ops_of(const struct kakoi_policy *policy, const struct kk_subject *subject)
{
	u32 index, ops = subject->flags & KK_SF_UNKNOWN ? policy->unknown_ops : 0;

	if (subject->daemon[0] | subject->daemon[1])
		ops |= KAKOI_ACCEPT;
	if (!(subject->domains[0] | subject->domains[1]))
		return ops;
	for (index = 0; index < KK_DOMAINS; index++)
		if (kk_bit(subject->domains[index >> 5], index))
			ops |= policy->domain_ops[index];
	return ops;
}

const char *kakoi_domain_name(const struct kakoi_policy *policy, u32 index)
{
	u32 at = kk_u32_at(&policy->blob, KK_H_DOMAINS) + index * KK_DOMAIN + KK_D_NAME;

	if (index >= kk_u16_at(&policy->blob, KK_H_N_DOMAINS))
		return "";
	return (const char *)policy->bytes + at;
}

static const char *fault_text(enum kk_fault fault)
{
	switch (fault) {
	case KK_SHORT:
		return "it is not as long as it says";
	case KK_NOT_A_POLICY:
		return "it is no compiled policy";
	case KK_OTHER_VERSION:
		return "it was made by another version of kakoi";
	case KK_CHECKSUM:
		return "its checksum is wrong";
	default:
		return "its tables are damaged";
	}
}

enum kk_fault kakoi_check(const u8 *bytes, size_t length, struct kk_policy *blob)
{
	return kk_check(bytes, length, blob);
}

int kakoi_policy_load(const u8 *bytes, size_t length)
{
	struct kakoi_policy *new, *old;
	enum kk_fault fault;

	if (length > KK_BLOB_MAX)
		return -EFBIG;
	new = vzalloc(sizeof(*new) + length);
	if (!new)
		return -ENOMEM;
	memcpy(new->bytes, bytes, length);
	fault = kakoi_check(new->bytes, length, &new->blob);
	if (fault != KK_OK) {
		pr_err("policy refused: %s; what was in force stays\n", fault_text(fault));
		vfree(new);
		return -EINVAL;
	}
	prepare(new);
	mutex_lock(&loading);
	/* Hooks first: what the new policy judges is seen from its first moment. */
	old = rcu_dereference_protected(kakoi_policy, lockdep_is_held(&loading));
	kakoi_hooks_prepare(new->ops | (old ? old->ops : 0));
	kakoi_marks_renumber(old, new);
	rcu_assign_pointer(kakoi_policy, new);
	synchronize_rcu();
	kakoi_hooks_prepare(new->ops);
	/* Changes were not seen all the time, or will not be. */
	if (!old || !old->digests || !new->digests)
		kakoi_vouched_forget();
	kakoi_lineage_seed();
	if (atomic_read(&kakoi_held) || (new->everyone_ops && !new->only_dropped))
		kakoi_hooks_need();
	mutex_unlock(&loading);
	vfree(old);
	pr_info("policy in force: %u domains, %zu bytes\n", kk_u16_at(&new->blob, KK_H_N_DOMAINS), length);
	return 0;
}

void kakoi_policy_drop(void)
{
	struct kakoi_policy *old;

	mutex_lock(&loading);
	old = rcu_dereference_protected(kakoi_policy, lockdep_is_held(&loading));
	RCU_INIT_POINTER(kakoi_policy, NULL);
	synchronize_rcu();
	mutex_unlock(&loading);
	vfree(old);
}
