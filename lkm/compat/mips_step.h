/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MIPS: a probe that single-steps the copy of its instruction can oops (a fault on the copy's page
 * resets the probe, and the break that follows belongs to nobody). So the usual first instructions of a
 * function are done here, on the saved registers, and nothing is ever stepped. A function that begins
 * otherwise is not hooked. Encodings: MIPS Architecture For Programmers, volume II.
 */
#ifndef KAKOI_COMPAT_MIPS_STEP_H
#define KAKOI_COMPAT_MIPS_STEP_H

#include <linux/kprobes.h>
#include <linux/ptrace.h>

struct kakoi_mips {
	u32 op, rs, rt, rd, shift, function;
	long immediate;
	unsigned long bits;
};

static inline struct kakoi_mips kakoi_mips_decode(u32 word)
{
	struct kakoi_mips m;

	m.op = word >> 26;
	m.rs = word >> 21 & 31;
	m.rt = word >> 16 & 31;
	m.rd = word >> 11 & 31;
	m.shift = word >> 6 & 31;
	m.function = word & 63;
	m.immediate = (s16)(word & 0xffff);
	m.bits = word & 0xffff;
	return m;
}

/* A result of 32 bits is kept with its sign, also in registers of 64. */
static inline long kakoi_mips_word(unsigned long value)
{
	return (s32)value;
}

static inline bool kakoi_mips_immediate(const struct kakoi_mips *m, const unsigned long *r, unsigned long *out)
{
	switch (m->op) {
	case 0x09:	/* addiu */
		*out = kakoi_mips_word(r[m->rs] + m->immediate);
		return true;
	case 0x0a:	/* slti */
		*out = (long)r[m->rs] < m->immediate;
		return true;
	case 0x0b:	/* sltiu */
		*out = r[m->rs] < (unsigned long)m->immediate;
		return true;
	case 0x0c:	/* andi */
		*out = r[m->rs] & m->bits;
		return true;
	case 0x0d:	/* ori */
		*out = r[m->rs] | m->bits;
		return true;
	case 0x0e:	/* xori */
		*out = r[m->rs] ^ m->bits;
		return true;
	case 0x0f:	/* lui */
		*out = kakoi_mips_word(m->bits << 16);
		return m->rs == 0;
#ifdef CONFIG_64BIT
	case 0x19:	/* daddiu */
		*out = r[m->rs] + m->immediate;
		return true;
#endif
	default:
		return false;
	}
}

static inline bool kakoi_mips_register(const struct kakoi_mips *m, const unsigned long *r, unsigned long *out)
{
	if (m->op != 0)
		return false;
	switch (m->function) {
	case 0x00:	/* sll; also nop */
		*out = kakoi_mips_word(r[m->rt] << m->shift);
		return m->rs == 0;
	case 0x21:	/* addu */
		*out = kakoi_mips_word(r[m->rs] + r[m->rt]);
		return m->shift == 0;
	case 0x23:	/* subu */
		*out = kakoi_mips_word(r[m->rs] - r[m->rt]);
		return m->shift == 0;
	case 0x24:	/* and */
		*out = r[m->rs] & r[m->rt];
		return m->shift == 0;
	case 0x25:	/* or; also move */
		*out = r[m->rs] | r[m->rt];
		return m->shift == 0;
	case 0x2a:	/* slt */
		*out = (long)r[m->rs] < (long)r[m->rt];
		return m->shift == 0;
	case 0x2b:	/* sltu */
		*out = r[m->rs] < r[m->rt];
		return m->shift == 0;
#ifdef CONFIG_64BIT
	case 0x2d:	/* daddu; also move */
		*out = r[m->rs] + r[m->rt];
		return m->shift == 0;
#endif
	default:
		return false;
	}
}

/* Loads that kernel functions begin with: of the current task's fields or the arguments' ones. The
 * address is the kernel's own, as the function itself would use it. */
static inline bool kakoi_mips_is_load(const struct kakoi_mips *m)
{
	switch (m->op) {
	case 0x23:	/* lw */
	case 0x24:	/* lbu */
	case 0x25:	/* lhu */
#ifdef CONFIG_64BIT
	case 0x37:	/* ld */
#endif
		return true;
	default:
		return false;
	}
}

static inline unsigned long kakoi_mips_load(const struct kakoi_mips *m, const unsigned long *r)
{
	unsigned long at = r[m->rs] + m->immediate;

	switch (m->op) {
	case 0x23:
		return kakoi_mips_word(*(u32 *)at);
	case 0x24:
		return *(u8 *)at;
	case 0x25:
		return *(u16 *)at;
	default:
		return *(unsigned long *)at;
	}
}

static inline bool kakoi_can_step(const struct kprobe *probe)
{
	static const unsigned long none[32];
	struct kakoi_mips m = kakoi_mips_decode(probe->opcode.word);
	unsigned long out;

	return kakoi_mips_immediate(&m, none, &out) || kakoi_mips_register(&m, none, &out) ||
	       kakoi_mips_is_load(&m);
}

static inline int kakoi_step(struct kprobe *probe, struct pt_regs *regs)
{
	struct kakoi_mips m = kakoi_mips_decode(probe->opcode.word);
	unsigned long out;
	u32 to;

	if (kakoi_mips_immediate(&m, regs->regs, &out)) {
		to = m.rt;
	} else if (kakoi_mips_register(&m, regs->regs, &out)) {
		to = m.rd;
	} else if (kakoi_mips_is_load(&m)) {
		out = kakoi_mips_load(&m, regs->regs);
		to = m.rt;
	} else {
		return 0;
	}
	if (to)
		regs->regs[to] = out;
	regs->cp0_epc += 4;
	return 1;
}

#endif
