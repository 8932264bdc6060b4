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
#define KAKOI_TRACE_FLAGS (FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY)

static inline void kakoi_send(struct ftrace_regs *saved, void *to)
{
	struct pt_regs *regs = ftrace_get_regs(saved);

	instruction_pointer_set(regs, (unsigned long)to);
}
#else
#define KAKOI_TRACED false
#endif

#endif
