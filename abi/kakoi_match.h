/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kakoi: the automaton for paths and names, classes, and argument vectors.
 */
#ifndef KAKOI_MATCH_H
#define KAKOI_MATCH_H

#include "kakoi_blob.h"

/* ---- paths and names --------------------------------------------------------------------------- */

KK_FN kk_u32 kk_step(const struct kk_policy *policy, kk_u32 state, kk_u32 byte)
{
	kk_u32 entry = kk_u32_at(policy, KK_H_STATES) + state * KK_STATE;
	kk_u32 edge = kk_u32_at(policy, KK_H_EDGES) +
		      (kk_u32_at(policy, entry + KK_S_BASE) + (byte & 0xffu)) * KK_EDGE;

	if (kk_u16_at(policy, edge) == state)
		return kk_u16_at(policy, edge + 2u);
	return kk_u16_at(policy, entry + KK_S_DEFAULT);
}

KK_FN kk_u32 kk_class_of(const struct kk_policy *policy, kk_u32 state)
{
	return kk_u16_at(policy, kk_u32_at(policy, KK_H_STATES) + state * KK_STATE + KK_S_CLASS);
}

/* The class of an absolute path, symbolic links resolved, from the initial root. `path` has
 * KK_PATH_MAX readable bytes in BPF, `length` elsewhere. A longer path is unknown. */
#if defined(__bpf__)
KK_FN kk_u16 kk_match_path(const struct kk_policy *policy, const kk_u8 *path, kk_u32 length)
{
	kk_u32 state = kk_u16_at(policy, KK_H_START_PATH), at;

	if (length > KK_PATH_MAX)
		return KK_CLASS_UNKNOWN;
	for (at = 0; at < KK_PATH_MAX; at++) {
		if (at >= length)
			break;
		state = kk_step(policy, state, path[at]);
	}
	return (kk_u16)kk_class_of(policy, state);
}
#else
/* The same without a bound at each step: kk_automaton_ok() has shown that every base, edge and state lies within
 * its table, and that is all that is followed here. */
KK_FN kk_u16 kk_match_path(const struct kk_policy *policy, const kk_u8 *path, kk_u32 length)
{
	const kk_u8 *states = policy->bytes + kk_u32_at(policy, KK_H_STATES), *entry, *edge;
	const kk_u8 *edges = policy->bytes + kk_u32_at(policy, KK_H_EDGES), *end = path + length;
	kk_u32 state = kk_u16_at(policy, KK_H_START_PATH);

	if (length > KK_PATH_MAX)
		return KK_CLASS_UNKNOWN;
	for (; path != end; path++) {
		entry = states + state * KK_STATE;
		edge = edges + (kk_le32(entry + KK_S_BASE) + *path) * KK_EDGE;
		state = kk_le16(edge) == state ? kk_le16(edge + 2) : kk_le16(entry + KK_S_DEFAULT);
	}
	return (kk_u16)kk_le16(states + state * KK_STATE + KK_S_CLASS);
}
#endif

/* ---- classes ----------------------------------------------------------------------------------- */

KK_FN kk_u32 kk_class_at(const struct kk_policy *policy, kk_u32 class_)
{
	return kk_u32_at(policy, KK_H_CLASSES) + class_ * KK_CLASS;
}

KK_FN int kk_has(const struct kk_policy *policy, kk_u32 class_, kk_u32 label)
{
	if (label >= KK_LABELS || class_ >= kk_u16_at(policy, KK_H_N_CLASSES))
		return 0;
	return kk_u32_at(policy, kk_class_at(policy, class_) + KK_K_LABELS + label / 32u * 4u) >>
	       (label % 32u) & 1u;
}

KK_FN kk_u32 kk_programs(const struct kk_policy *policy, kk_u32 class_)
{
	if (class_ >= kk_u16_at(policy, KK_H_N_CLASSES))
		return 0;
	return kk_u16_at(policy, kk_class_at(policy, class_) + KK_K_PROGRAM);
}

KK_FN kk_u32 kk_protects(const struct kk_policy *policy, kk_u32 class_)
{
	if (class_ >= kk_u16_at(policy, KK_H_N_CLASSES))
		return 0;
	return kk_u16_at(policy, kk_class_at(policy, class_) + KK_K_PROTECT);
}

/* ---- argument vectors -------------------------------------------------------------------------- */

/* The argument vector of a new program, from the new memory map, so that nobody can change it any
 * more: strings with their NULs, one after the other. */
struct kk_arguments {
	const kk_u8 *bytes;	/* KK_ARGV_MAX readable bytes in BPF, `length` elsewhere */
	kk_u32 length;		/* at most KK_ARGV_MAX; what does not fit is cut off */
	kk_u32 cut;		/* 1: there is more than these bytes */
};

KK_FN kk_u32 kk_argument_byte(const struct kk_arguments *arguments, kk_u32 at)
{
	return at < arguments->length ? arguments->bytes[at & (KK_ARGV_MAX - 1u)] : 0;
}

/* The base name of a string, byte by byte. */
struct kk_naming {
	kk_u32 state;	/* of the automaton */
	kk_u32 used;	/* bytes since the last slash */
	kk_u32 end;	/* place of the NUL, once it was seen */
	kk_u32 ended;
};

KK_FN void kk_name_begin(const struct kk_policy *policy, struct kk_naming *naming, kk_u32 length)
{
	naming->state = kk_u16_at(policy, KK_H_START_NAME);
	naming->used = 0;
	naming->end = length;
	naming->ended = 0;
}

KK_FN void kk_name_byte(const struct kk_policy *policy, struct kk_naming *naming, kk_u32 byte,
			kk_u32 at, kk_u32 length)
{
	if (naming->ended)
		return;
	if (at >= length || byte == 0) {
		naming->end = at;
		naming->ended = 1;
	} else if (byte == '/') {
		naming->state = kk_u16_at(policy, KK_H_START_NAME);
		naming->used = 0;
	} else if (naming->used++ < KK_NAME_MAX) {
		naming->state = kk_step(policy, naming->state, byte);
	}
}

KK_FN kk_u16 kk_name_class(const struct kk_policy *policy, const struct kk_naming *naming)
{
	return naming->used > KK_NAME_MAX ? 0 : (kk_u16)kk_class_of(policy, naming->state);
}

/* The class of the base name of the string at `from`; *end is where its NUL is (or would be). */
KK_FN kk_u16 kk_match_name(const struct kk_policy *policy, const struct kk_arguments *arguments,
			   kk_u32 from, kk_u32 *end)
{
	struct kk_naming naming;
	kk_u32 at;

	if (kk_argument_byte(arguments, from) == '-')
		from++;		/* a login shell */
	kk_name_begin(policy, &naming, arguments->length);
	for (at = 0; at < KK_ARGV_MAX; at++)
		kk_name_byte(policy, &naming, kk_argument_byte(arguments, from + at), from + at,
			     arguments->length);
	*end = naming.end;
	return kk_name_class(policy, &naming);
}

/* What one option does to the question where the code comes from. */
#define KK_OPTION_COMMAND 1u
#define KK_OPTION_STDIN 2u
#define KK_OPTION_FILE 4u
#define KK_OPTION_VALUE 8u	/* the next argument belongs to it */

KK_FN kk_u32 kk_option(kk_u32 program, kk_u32 letter)
{
	if (program & KK_P_SHELL) {
		if (letter == 'c')
			return KK_OPTION_COMMAND;
		if (letter == 's')
			return KK_OPTION_STDIN;
		return letter == 'o' || letter == 'O' ? KK_OPTION_VALUE : 0;
	}
	if (program & KK_P_SCRIPTING) {
		if (letter == 'c' || letter == 'e' || letter == 'E' || letter == 'r')
			return KK_OPTION_COMMAND;
		return letter == 'm' || letter == 'f' ? KK_OPTION_FILE : 0;
	}
	return letter == 'f' || letter == 'E' ? KK_OPTION_FILE : 0;
}

/* Where in the argument vector we are: bytes are read once, in order. */
struct kk_scan {
	kk_u32 seen;	/* KK_OPTION_* so far */
	kk_u32 place;	/* byte of this argument */
	kk_u32 kind;	/* 0 not known, 1 short options, 2 long option, 3 operand, 4 value of an option */
	kk_u32 ended;	/* options are over */
	kk_u32 value;	/* the next argument is a value */
	kk_u32 operand;
	kk_u32 first;	/* its first byte */
};

KK_FN void kk_scan_end(struct kk_scan *scan)
{
	if (scan->kind == 4u) {
		scan->place = 0;
		scan->kind = 0;
		return;
	}
	if (!scan->ended && scan->kind == 1u && scan->place == 1u && scan->first == '-')
		scan->seen |= KK_OPTION_STDIN, scan->ended = 1;		/* "-" */
	else if (!scan->ended && scan->kind == 2u && scan->place == 2u)
		scan->ended = 1;					/* "--" */
	else if (scan->kind == 3u || scan->place == 0)
		scan->operand = 1;
	scan->place = 0;
	scan->kind = scan->value ? 4u : 0;
	scan->value = 0;
}

KK_FN void kk_scan_byte(struct kk_scan *scan, kk_u32 program, kk_u32 byte)
{
	kk_u32 option;

	if (scan->place == 0 && scan->kind == 0) {
		scan->first = byte;
		scan->kind = !scan->ended && (byte == '-' || byte == '+') ? 1u : 3u;
	} else if (scan->kind == 1u && scan->place == 1u && byte == '-' && scan->first == '-') {
		scan->kind = 2u;
	} else if (scan->kind == 1u) {
		option = kk_option(program, byte);
		scan->seen |= option;
		if (option & KK_OPTION_VALUE)
			scan->value = 1;
	}
	scan->place++;
}

/* One byte of the arguments; those behind the end and before the first argument are not given. */
KK_FN void kk_scan_step(struct kk_scan *scan, kk_u32 program, kk_u32 byte)
{
	if (scan->operand || scan->seen & (KK_OPTION_COMMAND | KK_OPTION_FILE))
		return;
	if (byte == 0)
		kk_scan_end(scan);
	else
		kk_scan_byte(scan, program, byte);
}

/* What the arguments said: KK_ARGV_*, or 0xff: cannot be told. */
KK_FN kk_u8 kk_scan_source(const struct kk_scan *scan, kk_u32 program, kk_u32 cut)
{
	if (scan->seen & KK_OPTION_FILE)
		return KK_ARGV_FILE;
	if (scan->seen & KK_OPTION_COMMAND)
		return KK_ARGV_COMMAND;
	if (scan->seen & KK_OPTION_STDIN)
		return KK_ARGV_STDIN;
	if (scan->operand)
		return program & (KK_P_SHELL | KK_P_SCRIPTING) ? KK_ARGV_FILE : KK_ARGV_COMMAND;
	if (cut)
		return 0xffu;
	return program & (KK_P_SHELL | KK_P_SCRIPTING) ? KK_ARGV_STDIN : KK_ARGV_COMMAND;
}

/* Where the code comes from that `program` (KK_P_*) will run: KK_ARGV_*, or 0xff: cannot be told.
 * `from` is where the first argument after the program's name begins. */
KK_FN kk_u8 kk_code_source(const struct kk_arguments *arguments, kk_u32 from, kk_u32 program)
{
	struct kk_scan scan = { 0, 0, 0, 0, 0, 0, 0 };
	kk_u32 at;

	if (!(program & (KK_P_SHELL | KK_P_SCRIPTING | KK_P_FILTER)))
		return KK_ARGV_OTHER;
	for (at = 0; at < KK_ARGV_MAX; at++)
		if (at >= from && at < arguments->length)
			kk_scan_step(&scan, program, kk_argument_byte(arguments, at));
	return kk_scan_source(&scan, program, arguments->cut);
}

/* Fills in applet, argv and KK_U_ARGV of an exec attempt whose object.class_ is known, and returns
 * the kinds of the program (KK_P_*). BusyBox takes the applet from the base name of the first
 * argument, or, when that begins with "busybox", from the next; and so do we. */
KK_FN kk_u32 kk_argv(const struct kk_policy *policy, const struct kk_arguments *arguments,
		     struct kk_attempt *attempt)
{
	kk_u32 program = kk_programs(policy, attempt->object.class_), at = 0, end = 0, hop, kinds;
	kk_u8 source;

	attempt->applet = 0;
	if (program & KK_P_MULTICALL) {
		kinds = KK_P_MULTICALL;
		for (hop = 0; hop < 4u; hop++) {
			if (at >= arguments->length || !(kinds & KK_P_MULTICALL))
				break;
			attempt->applet = kk_match_name(policy, arguments, at, &end);
			kinds = kk_programs(policy, attempt->applet);
			at = end + 1u;
		}
		if (kinds & KK_P_MULTICALL && (arguments->cut || hop == 4u || !arguments->length))
			attempt->unknown |= KK_U_ARGV;
		program |= kinds;
	} else {
		for (hop = 0; hop < KK_ARGV_MAX; hop++)
			if (hop >= arguments->length || !arguments->bytes[hop])
				break;
		at = hop + 1u;
		if (!arguments->length)
			attempt->unknown |= KK_U_ARGV;
	}
	source = kk_code_source(arguments, at, program);
	if (source == 0xffu) {
		attempt->unknown |= KK_U_ARGV;
		source = KK_ARGV_OTHER;
	}
	attempt->argv = source;
	return program;
}

#endif
