// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel function is replaced: a probe at its first instruction sends the caller to a function of
 * ours with the same arguments, which may sleep, and which may call the original. That call meets the
 * probe again and is let through, for it comes from this module.
 *
 * For a process that is not concerned, nearly all, the probe's handler looks up a mark and that is all.
 */
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/preempt.h>

#include "compat/arch.h"
#include "kakoi_lkm.h"

static struct kakoi_hook *const *const all[] = {
	kakoi_accept_hooks, kakoi_file_hooks, kakoi_creation_hooks, kakoi_memory_hooks, kakoi_protect_hooks,
	kakoi_network_hooks, kakoi_filter_hooks,
};

unsigned long kakoi_text, kakoi_text_size;

/* Our own call of what we replaced. */
static inline bool is_own(unsigned long caller)
{
	return caller - kakoi_text < kakoi_text_size;
}

/* Calls that are in a replacement. */
static atomic_t inside = ATOMIC_INIT(0);

struct kakoi_hook *kakoi_hook_at(size_t index)
{
	size_t family, at;

	for (family = 0; family < ARRAY_SIZE(all); family++)
		for (at = 0; all[family][at]; at++)
			if (!index--)
				return all[family][at];
	return NULL;
}

void kakoi_leave(void)
{
	atomic_dec(&inside);
}

static bool judges(const struct kakoi_hook *hook, unsigned long first)
{
	enum kakoi_concern concern = kakoi_concern(hook->ops);

	if (likely(concern == KAKOI_FREE) || !in_task())
		return false;
	return concern == KAKOI_JUDGED || !hook->of_dropped || hook->of_dropped(first);
}
NOKPROBE_SYMBOL(judges);

/* Is this call, by the current process, to be judged? Content that is vouched for is looked after whoever it is; what
 * is judged does that itself when it is not refused. */
static bool concerns(const struct kakoi_hook *hook, unsigned long first)
{
	if (judges(hook, first))
		return true;
	if (hook->changes && unlikely(atomic_read(&kakoi_vouched_count)))
		hook->changes(first);
	return false;
}
NOKPROBE_SYMBOL(concerns);

#ifdef CONFIG_KPROBES

static int enter(struct kprobe *probe, struct pt_regs *regs)
{
	struct kakoi_hook *hook = container_of(probe, struct kakoi_hook, probe);

	if (is_own(kakoi_caller(regs)) || !concerns(hook, kakoi_first(regs)))
		return kakoi_step(probe, regs);
	atomic_inc(&inside);
	instruction_pointer_set(regs, (unsigned long)hook->replacement);
	return 1;
}
NOKPROBE_SYMBOL(enter);

/* Keeps probes from being turned into jumps, which cannot be redirected. */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static void find(struct kakoi_hook *hook)
{
	size_t at;

	for (at = 0; at < ARRAY_SIZE(hook->symbols) && hook->symbols[at]; at++) {
		hook->original = kakoi_symbol(hook->symbols[at]);
		if (hook->original) {
			hook->name = hook->symbols[at];
			return;
		}
	}
	hook->why = "this kernel has no such function";
}

/* ---- the function tracer ---------------------------------------------------------------------------- */

#ifdef KAKOI_TRACE

static void notrace entered(unsigned long at, unsigned long caller, struct ftrace_ops *trace,
			    struct ftrace_regs *saved)
{
	struct kakoi_hook *hook = container_of(trace, struct kakoi_hook, trace);

	if (is_own(caller) || !concerns(hook, kakoi_first(kakoi_saved(saved))))
		return;
	atomic_inc(&inside);
	instruction_pointer_set(kakoi_saved(saved), (unsigned long)hook->replacement);
}

static bool trace(struct kakoi_hook *hook)
{
	memset(&hook->trace, 0, sizeof(hook->trace));
	hook->trace.func = entered;
	hook->trace.flags = KAKOI_TRACE_FLAGS;
	if (ftrace_set_filter_ip(&hook->trace, (unsigned long)hook->original, 0, 0))
		return false;
	if (register_ftrace_function(&hook->trace)) {
		ftrace_free_filter(&hook->trace);
		return false;
	}
	hook->traced = true;
	return true;
}

static void untrace(struct kakoi_hook *hook)
{
	unregister_ftrace_function(&hook->trace);
	ftrace_free_filter(&hook->trace);
	hook->traced = false;
}

#else

static bool trace(struct kakoi_hook *hook)
{
	return false;
}

static void untrace(struct kakoi_hook *hook)
{
}

#endif

/* ---- arming ------------------------------------------------------------------------------------------- */

static void arm(struct kakoi_hook *hook)
{
	if (hook->armed || !hook->original)
		return;
	if (trace(hook)) {
		hook->armed = true;
		hook->why = NULL;
		return;
	}
	memset(&hook->probe, 0, sizeof(hook->probe));
	hook->probe.symbol_name = hook->name;
	hook->probe.pre_handler = enter;
	hook->probe.post_handler = after;
	if (register_kprobe(&hook->probe)) {
		hook->why = "the probe was refused";
		return;
	}
	if (!kakoi_can_step(&hook->probe)) {
		unregister_kprobe(&hook->probe);
		hook->why = "its first instruction cannot be done by us";
		return;
	}
	hook->armed = true;
	hook->why = NULL;
}

/* Many at once: the kernel waits only once for those who are in a probe. */
static void disarm(u32 kept)
{
	static struct kprobe *gone[64];
	struct kakoi_hook *hook;
	size_t index;
	int count = 0;

	for (index = 0; (hook = kakoi_hook_at(index)); index++) {
		if (!hook->armed || hook->ops & kept || count == ARRAY_SIZE(gone))
			continue;
		/* The tracer waits long for each: what it has stays until the module goes. */
		if (hook->traced && kept)
			continue;
		hook->armed = false;
		hook->why = "";
		if (hook->traced)
			untrace(hook);
		else
			gone[count++] = &hook->probe;
	}
	if (count)
		unregister_kprobes(gone, count);
}

#else

static void find(struct kakoi_hook *hook)
{
	hook->why = "this kernel has no probes";
}

static void arm(struct kakoi_hook *hook)
{
}

static void disarm(u32 kept)
{
}

#endif

int kakoi_hooks_find(void)
{
	struct kakoi_hook *hook;
	size_t index;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	kakoi_text = (unsigned long)THIS_MODULE->mem[MOD_TEXT].base;
	kakoi_text_size = THIS_MODULE->mem[MOD_TEXT].size;
#else
	kakoi_text = (unsigned long)THIS_MODULE->core_layout.base;
	kakoi_text_size = THIS_MODULE->core_layout.text_size;
#endif
	for (index = 0; (hook = kakoi_hook_at(index)); index++)
		find(hook);
	return 0;
}

/* ---- when ------------------------------------------------------------------------------------------------ */

static DEFINE_MUTEX(arming);
static u32 wanted;
static bool in_place;

static void arm_only(u32 ops)
{
	struct kakoi_hook *hook;
	size_t index;

	for (index = 0; (hook = kakoi_hook_at(index)); index++)
		if (hook->ops & ops)
			arm(hook);
	disarm(ops);
}

void kakoi_hooks_prepare(u32 ops)
{
	mutex_lock(&arming);
	wanted = ops | KAKOI_ACCEPT;
	if (in_place || atomic_read(&kakoi_held)) {
		arm_only(wanted);
		WRITE_ONCE(in_place, true);
	} else {
		/* Until somebody is held, only connections are watched. Probes are shown to work, for one can be
		 * refused; what the tracer lists it can do. */
		if (!KAKOI_TRACED)
			arm_only(wanted);
		arm_only(KAKOI_ACCEPT);
	}
	mutex_unlock(&arming);
}

void kakoi_hooks_need(void)
{
	if (READ_ONCE(in_place))
		return;
	mutex_lock(&arming);
	if (!in_place) {
		arm_only(wanted);
		WRITE_ONCE(in_place, true);
	}
	mutex_unlock(&arming);
}

bool kakoi_hooks_waiting(void)
{
	return !READ_ONCE(in_place);
}

void kakoi_hooks_disarm(void)
{
	disarm(0);
	/* Whoever is in a replacement returns through this module's text. */
	while (atomic_read(&inside))
		msleep(10);
	synchronize_rcu();
	msleep(20);
}
