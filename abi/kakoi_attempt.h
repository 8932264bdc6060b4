/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: what an attempt is, whoever makes it: what it changes, grants, runs and offends.
 */
#ifndef KAKOI_ATTEMPT_H
#define KAKOI_ATTEMPT_H

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

/* What somebody vouched for by its digest is code that may be mapped already, whether it has x bits or not. */
KK_FN int kk_executable(const struct kk_attempt *attempt, const struct kk_object *object)
{
	return object->type == KK_TYPE_REGULAR &&
	       (object->mode & KK_X_BITS || object->trust & KK_T_DIGEST ||
		attempt->unknown & KK_U_MODE);
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

#endif
