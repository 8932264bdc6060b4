/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernel's function tracer can send a caller elsewhere (x86-64), it is used instead of a probe: the
 * same place, a third of the instructions for those who are not concerned.
 */
#ifndef KAKOI_COMPAT_TRACE_H
#define KAKOI_COMPAT_TRACE_H

#include <linux/version.h>

#if defined(CONFIG_X86_64) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && \
	LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
#include <linux/ftrace.h>
#define KAKOI_TRACE 1
#define KAKOI_TRACED true
/* Where the tracer hands over the arguments, and may be sent elsewhere, it need not save the other registers. */
#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define KAKOI_TRACE_FLAGS FTRACE_OPS_FL_IPMODIFY
#else
#define KAKOI_TRACE_FLAGS (FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY)
#endif

static inline struct pt_regs *kakoi_saved(struct ftrace_regs *saved)
{
	/* Since 6.13, and in later releases of 6.12. */
#ifdef arch_ftrace_regs
	return &arch_ftrace_regs(saved)->regs;
#else
	return &saved->regs;
#endif
}
#else
#define KAKOI_TRACED false
#endif

#endif
