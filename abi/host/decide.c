/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The decision function as a process: a policy is its argument, attempts come on standard input,
 * verdicts go to standard output. Tests and `cargo xtask` use it, so that no Rust is unsafe.
 *
 * In, little-endian, one frame an attempt: u8 'D' (decide), 'X' (exec: lineage, then decide), 'F'
 * (fork), 'A' (accept); subject: 4 u32 masks, u32 session, u16 flags, program, class, applet; then
 * the attempt's fields in the order of struct kk_attempt, without classes, each object as u16 mode,
 * u8 type, u8 trust, u16 flags; u32 remote; u16 length and bytes of path, target and arguments (of
 * these KK_ARGV_MAX, and u8 whether more follow).
 * Out: for D and X 12 bytes of verdict; for X, F and A 28 bytes of the next mark.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../kakoi_lineage.h"

static struct kk_policy policy;

static kk_u32 in(int bytes)
{
	kk_u32 value = 0;
	int at, byte;

	for (at = 0; at < bytes; at++) {
		byte = getchar();
		if (byte == EOF)
			exit(at ? 3 : 0);
		value |= (kk_u32)byte << (8 * at);
	}
	return value;
}

static void out(kk_u32 value, int bytes)
{
	while (bytes--) {
		putchar(value & 0xff);
		value >>= 8;
	}
}

static kk_u32 in_bytes(kk_u8 *buffer, kk_u32 room)
{
	kk_u32 length = in(2), at, byte;

	for (at = 0; at < length; at++) {
		byte = in(1);
		if (at < room)
			buffer[at] = (kk_u8)byte;
	}
	return length;
}

static void in_subject(struct kk_subject *s)
{
	s->domains[0] = in(4);
	s->domains[1] = in(4);
	s->daemon[0] = in(4);
	s->daemon[1] = in(4);
	s->session = in(4);
	s->flags = (kk_u16)in(2);
	s->program = (kk_u16)in(2);
	s->class_ = (kk_u16)in(2);
	s->applet = (kk_u16)in(2);
}

static void out_subject(const struct kk_subject *s)
{
	out(s->domains[0], 4);
	out(s->domains[1], 4);
	out(s->daemon[0], 4);
	out(s->daemon[1], 4);
	out(s->session, 4);
	out(s->flags, 2);
	out(s->program, 2);
	out(s->class_, 2);
	out(s->applet, 2);
}

static void out_verdict(const struct kk_verdict *v)
{
	out(v->action, 1);
	out(v->would, 1);
	out(v->control, 1);
	out(v->domain, 1);
	out(v->rule, 2);
	out(v->error, 2);
	out(v->mode, 2);
	out(v->effects, 2);
}

static void in_object(struct kk_object *o)
{
	o->mode = (kk_u16)in(2);
	o->type = (kk_u8)in(1);
	o->trust = (kk_u8)in(1);
	o->flags = (kk_u16)in(2);
}

/* As a hook does it: facts, then the class of each path, then the argument vector. */
static kk_u32 in_attempt(struct kk_attempt *a)
{
	static kk_u8 path[KK_PATH_MAX], vector[KK_ARGV_MAX];
	struct kk_arguments arguments;
	kk_u32 remote, length, at;

	a->op = (kk_u8)in(1);
	a->arg = (kk_u8)in(1);
	a->argv = 0;
	a->applet = 0;
	a->standard_input = (kk_u8)in(1);
	a->mode = (kk_u16)in(2);
	a->flags = (kk_u16)in(2);
	a->unknown = (kk_u16)in(2);
	a->family = (kk_u8)in(1);
	a->protocol = (kk_u8)in(1);
	a->port = (kk_u16)in(2);
	for (at = 0; at < 16; at++)
		a->address[at] = (kk_u8)in(1);
	in_object(&a->object);
	in_object(&a->target);
	remote = in(4);
	length = in_bytes(path, KK_PATH_MAX);
	a->object.class_ = a->unknown & KK_U_PATH ? KK_CLASS_UNKNOWN :
			   kk_match_path(&policy, path, length);
	if (a->object.class_ == KK_CLASS_UNKNOWN)
		a->unknown |= KK_U_PATH;
	length = in_bytes(path, KK_PATH_MAX);
	a->target.class_ = a->unknown & KK_U_TARGET ? KK_CLASS_UNKNOWN :
			   kk_match_path(&policy, path, length);
	arguments.length = in_bytes(vector, KK_ARGV_MAX);
	arguments.cut = in(1);
	arguments.bytes = vector;
	if (a->op == KK_OP_EXEC && !(a->unknown & KK_U_ARGV))
		kk_argv(&policy, &arguments, a);
	return remote;
}

static void step(int what)
{
	struct kk_subject subject, next, judged;
	struct kk_attempt attempt;
	struct kk_verdict verdict;
	kk_u32 remote;

	in_subject(&subject);
	remote = in_attempt(&attempt);
	switch (what) {
	case 'D':
		kk_decide(&policy, &subject, &attempt, &verdict);
		out_verdict(&verdict);
		break;
	case 'X':
		kk_exec(&policy, &subject, &attempt, remote, 7, &next);
		kk_exec_subject(&policy, &subject, &next, &judged);
		kk_decide(&policy, &judged, &attempt, &verdict);
		out_verdict(&verdict);
		out_subject(&next);
		break;
	case 'F':
		kk_fork(&subject, &next, 7);
		out_subject(&next);
		break;
	default:
		kk_accept(&subject);
		out_subject(&subject);
	}
}

/* A copy that ends where memory ends, but for what makes its beginning even: a read beyond it is a fault. */
static const kk_u8 *guarded(const kk_u8 *bytes, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page, at;
	kk_u8 *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE))
		return NULL;
	memory += (room - size) & ~(size_t)3;
	for (at = 0; at < size; at++)
		memory[at] = bytes[at];
	return memory;
}

int main(int count, char **arguments)
{
	static kk_u8 bytes[KK_BLOB_MAX + 1];
	FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
	const kk_u8 *blob;
	size_t size;
	int fault;

	if (!file)
		return 2;
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	blob = guarded(bytes, size);
	if (!blob)
		return 4;
	fault = kk_check(blob, (kk_u32)size, &policy);
	if (fault)
		return 10 + fault;
	for (;;) {
		step((int)in(1));
		fflush(stdout);
	}
}
