/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers at the entry of a function, by architecture. */
#ifndef KAKOI_COMPAT_ARCH_H
#define KAKOI_COMPAT_ARCH_H

#include <linux/kprobes.h>
#include <linux/ptrace.h>

/* Where the function returns to. */
static inline unsigned long kakoi_caller(struct pt_regs *regs)
{
#if defined(CONFIG_X86_64)
	return *(unsigned long *)regs->sp;
#elif defined(CONFIG_X86_32)
	return *(unsigned long *)kernel_stack_pointer(regs);
#elif defined(CONFIG_ARM64)
	return regs->regs[30];
#elif defined(CONFIG_ARM)
	return regs->ARM_lr;
#elif defined(CONFIG_MIPS)
	return regs->regs[31];
#elif defined(CONFIG_PPC)
	return regs->link;
#elif defined(CONFIG_RISCV)
	return regs->ra;
#else
#error "kakoi: this architecture is not known"
#endif
}

/* Its first argument. */
static inline unsigned long kakoi_first(struct pt_regs *regs)
{
#if defined(CONFIG_X86_64)
	return regs->di;
#elif defined(CONFIG_X86_32)
	return regs->ax;
#elif defined(CONFIG_ARM64)
	return regs->regs[0];
#elif defined(CONFIG_ARM)
	return regs->ARM_r0;
#elif defined(CONFIG_MIPS)
	return regs->regs[4];
#elif defined(CONFIG_PPC)
	return regs->gpr[3];
#else
	return regs->a0;
#endif
}

#if defined(CONFIG_MIPS)
#include "mips_step.h"
#else
/* A probe may let its instruction run. */
static inline bool kakoi_can_step(const struct kprobe *probe)
{
	return true;
}

static inline int kakoi_step(struct kprobe *probe, struct pt_regs *regs)
{
	return 0;
}
#endif

#endif
