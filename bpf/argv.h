/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The argument vector of a program that is about to run. It lies in the new memory map, which is not
 * that of the current task yet, so it is found through the new map's page tables, by address. The
 * pages were written a moment ago and are there; nobody else has the map. What is read is a copy.
 *
 * Where that cannot be done (no symbol, other page sizes) it is read after the exec, and a refusal is
 * then a signal (`late`).
 */
#ifndef KAKOI_ARGV_H
#define KAKOI_ARGV_H

#define PAGE_SIZE 4096ul
#define ADDRESS_BITS 0x0000fffffffff000ull	/* of the next table or the page in an entry */

/* The kernel address of a byte in another memory map, or 0. */
static __always_inline u64 kernel_address(struct mm_struct *mm, u64 address)
{
	u64 table = (u64)BPF_CORE_READ(mm, pgd), entry = 0, moved = 0, base;
	u32 level, levels = config.page_levels;

	if (bpf_probe_read_kernel(&moved, sizeof(moved), (void *)config.direct_symbol))
		return 0;
	base = config.arm64 ? config.direct_base - moved : config.direct_base + moved;
	/* arm64 built for addresses of 52 bits, on a processor of 48: memstart_addr makes up for it. */
	if (config.arm64 && moved >> 48 >= 0xfff0 && moved >> 48 < 0xfff8)
		base -= 0x000f000000000000ull;
	if (!config.arm64 && base >> 47 == 0x1ffff)
		levels = 4;	/* five levels would begin lower */
	for (level = 5; level > 0; level--) {
		if (level > levels)
			continue;
		table += (address >> (12 + 9 * (level - 1)) & 511) * 8;
		if (bpf_probe_read_kernel(&entry, sizeof(entry), (void *)table) || !(entry & 1))
			return 0;
		if (level > 1 && (config.arm64 ? !(entry & 2) : entry & 0x80))
			return 0;	/* a huge page: not for the stack of a new program */
		table = base + (entry & ADDRESS_BITS);
	}
	return table + (address & (PAGE_SIZE - 1));
}

/* Where the strings of the vector end among the bytes: behind the NUL of the last one. */
static __always_inline void find_end(struct scratch *scratch, u32 strings)
{
	u32 seen = 0, at, length = KK_ARGV_MAX;

	for (at = 0; at < KK_ARGV_MAX; at++) {
		FORGET(seen);
		if (scratch->argv[at])
			continue;
		if (++seen == strings) {
			length = at + 1;
			break;
		}
	}
	FORGET(length);
	FORGET(seen);
	scratch->argv_length = strings ? length : 0;
	scratch->argv_cut = strings && seen != strings;
}

/* Reads the vector through the page tables. 0, or -1: cannot be read. */
__noinline int guard_read_argv(u32 strings)
{
	struct scratch *scratch = scratch_of_current();
	u64 first, second, address;
	struct mm_struct *memory;
	u32 room, rest;

	if (!scratch)
		return -1;
	memory = (struct mm_struct *)scratch->memory;
	address = scratch->address;
	if (!config.page_levels || !config.direct_symbol)
		return -1;
	first = kernel_address(memory, address);
	if (!first)
		return -1;
	room = (u32)(PAGE_SIZE - (address & (PAGE_SIZE - 1)));
	if (room >= KK_ARGV_MAX) {
		if (bpf_probe_read_kernel(scratch->argv, KK_ARGV_MAX, (void *)first))
			return -1;
	} else {
		KK_HIDE(room);
		room &= KK_ARGV_MAX - 1;
		if (bpf_probe_read_kernel(scratch->argv, room, (void *)first))
			return -1;
		second = kernel_address(memory, address + room);
		rest = KK_ARGV_MAX - room;
		KK_HIDE(rest);
		rest &= KK_ARGV_MAX - 1;
		KK_HIDE(room);
		room &= KK_ARGV_MAX - 1;
		if (second)
			bpf_probe_read_kernel(&scratch->argv[room], rest, (void *)second);
	}
	find_end(scratch, strings);
	return 0;
}

/* The same when the new map is that of the current task. */
__noinline int guard_read_own_argv(u64 address, u32 strings)
{
	struct scratch *scratch = scratch_of_current();

	if (!scratch)
		return -1;
	if (bpf_probe_read_user(scratch->argv, KK_ARGV_MAX, (void *)address)) {
		u64 room = PAGE_SIZE - (address & (PAGE_SIZE - 1));

		if (room >= KK_ARGV_MAX ||
		    bpf_probe_read_user(scratch->argv, (u32)room & (KK_ARGV_MAX - 1), (void *)address))
			return -1;
	}
	find_end(scratch, strings);
	return 0;
}

#define ARGV_CHUNK 16u

static __always_inline struct kk_arguments arguments_of(struct scratch *scratch)
{
	struct kk_arguments arguments = { scratch->argv, scratch->argv_length, scratch->argv_cut };

	return arguments;
}

__noinline int guard_name_bytes(u32 from)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = { policy_bytes(), 0 };
	struct kk_arguments arguments;
	u32 at;

	if (!scratch || !policy.bytes)
		return 1;
	arguments = arguments_of(scratch);
	for (at = 0; at < ARGV_CHUNK; at++)
		kk_name_byte(&policy, &scratch->naming, kk_argument_byte(&arguments, from + at),
			     from + at, arguments.length);
	return (int)scratch->naming.ended;
}

/* kk_match_name(), in steps; the end is left in the scratch. */
__noinline int guard_name(u32 from)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = { policy_bytes(), 0 };
	struct kk_arguments arguments;
	u32 chunk;

	if (!scratch || !policy.bytes)
		return 0;
	arguments = arguments_of(scratch);
	if (kk_argument_byte(&arguments, from) == '-')
		from++;
	kk_name_begin(&policy, &scratch->naming, arguments.length);
	for (chunk = 0; chunk < KK_ARGV_MAX / ARGV_CHUNK; chunk++)
		if (guard_name_bytes(from + chunk * ARGV_CHUNK))
			break;
	return kk_name_class(&policy, &scratch->naming);
}

__noinline int guard_scan_bytes(u32 from, u32 begin, u32 program)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_arguments arguments;
	u32 at;

	if (!scratch)
		return 0;
	arguments = arguments_of(scratch);
	for (at = 0; at < ARGV_CHUNK; at++)
		if (begin + at >= from && begin + at < arguments.length)
			kk_scan_step(&scratch->scan, program, kk_argument_byte(&arguments, begin + at));
	return 0;
}

/* kk_code_source(), in steps. */
__noinline int guard_source(u32 from, u32 program)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_scan none = { 0, 0, 0, 0, 0, 0, 0 };
	u32 chunk;

	if (!scratch || !(program & (KK_P_SHELL | KK_P_SCRIPTING | KK_P_FILTER)))
		return KK_ARGV_OTHER;
	scratch->scan = none;
	for (chunk = 0; chunk < KK_ARGV_MAX / ARGV_CHUNK; chunk++) {
		if (chunk * ARGV_CHUNK >= scratch->argv_length)
			break;
		guard_scan_bytes(from, chunk * ARGV_CHUNK, program);
	}
	return kk_scan_source(&scratch->scan, program, scratch->argv_cut);
}

/* The applet of a multi-call program, as kk_argv() finds it; the kinds of the program. */
static __always_inline u32 find_applet(struct scratch *scratch, struct kk_policy *policy, u32 *at)
{
	u32 kinds = KK_P_MULTICALL, hop;

	for (hop = 0; hop < 4; hop++) {
		if (*at >= scratch->argv_length || !(kinds & KK_P_MULTICALL))
			break;
		scratch->attempt.applet = (u16)guard_name(*at);
		kinds = kk_programs(policy, scratch->attempt.applet);
		*at = scratch->naming.end + 1;
	}
	if (kinds & KK_P_MULTICALL && (scratch->argv_cut || hop == 4 || !scratch->argv_length))
		scratch->attempt.unknown |= KK_U_ARGV;
	return kinds;
}

/* kk_argv(), in steps: applet, source of the code, and what is not known of them. */
__noinline int guard_argv(void)
{
	struct scratch *scratch = scratch_of_current();
	struct kk_policy policy = { policy_bytes(), 0 };
	u32 program, at = 0, source;

	if (!scratch || !policy.bytes)
		return 0;
	program = kk_programs(&policy, scratch->attempt.object.class_);
	scratch->attempt.applet = 0;
	if (program & KK_P_MULTICALL) {
		program |= find_applet(scratch, &policy, &at);
	} else {
		guard_name(0);
		at = scratch->naming.end + 1;
		if (!scratch->argv_length)
			scratch->attempt.unknown |= KK_U_ARGV;
	}
	source = (u32)guard_source(at, program);
	if (source == 0xff) {
		scratch->attempt.unknown |= KK_U_ARGV;
		source = KK_ARGV_OTHER;
	}
	scratch->attempt.argv = (u8)source;
	return (int)program;
}

#endif
