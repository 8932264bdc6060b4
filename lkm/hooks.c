// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel function is replaced: a probe at its first instruction sends the caller to a function of
 * ours with the same arguments, which may sleep, and which may call the original. That call meets the
 * probe again and is let through, for it comes from this module.
 *
 * For a process that is not concerned, nearly all, the probe's handler looks up a mark and that is all.
 */
#include <linux/delay.h>
#include <linux/preempt.h>

#include "compat/arch.h"
#include "kakoi_lkm.h"

static struct kakoi_hook *const *const all[] = {
	kakoi_file_hooks, kakoi_creation_hooks, kakoi_memory_hooks, kakoi_protect_hooks, kakoi_network_hooks,
};

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

#ifdef CONFIG_KPROBES

static int enter(struct kprobe *probe, struct pt_regs *regs)
{
	struct kakoi_hook *hook = container_of(probe, struct kakoi_hook, probe);

	if (!in_task() || !(kakoi_current_ops() & hook->ops) ||
	    within_module(kakoi_caller(regs), THIS_MODULE))
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
			hook->probe.symbol_name = hook->symbols[at];
			return;
		}
	}
	hook->why = "this kernel has no such function";
}

static void arm(struct kakoi_hook *hook)
{
	const char *name = hook->probe.symbol_name;
	int error;

	if (hook->armed || !hook->original)
		return;
	memset(&hook->probe, 0, sizeof(hook->probe));
	hook->probe.symbol_name = name;
	hook->probe.pre_handler = enter;
	hook->probe.post_handler = after;
	error = register_kprobe(&hook->probe);
	if (error) {
		hook->why = "the probe was refused";
		pr_warn("%s: probe refused: %d\n", name, error);
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

static void disarm(struct kakoi_hook *hook)
{
	const char *name = hook->probe.symbol_name;

	if (!hook->armed)
		return;
	unregister_kprobe(&hook->probe);
	hook->probe.symbol_name = name;
	hook->armed = false;
	hook->why = "the policy does not need it";
}

#else

static void find(struct kakoi_hook *hook)
{
	hook->why = "this kernel has no probes";
}

static void arm(struct kakoi_hook *hook)
{
}

static void disarm(struct kakoi_hook *hook)
{
}

#endif

int kakoi_hooks_find(void)
{
	struct kakoi_hook *hook;
	size_t index;

	for (index = 0; (hook = kakoi_hook_at(index)); index++)
		find(hook);
	return 0;
}

void kakoi_hooks_arm(u32 ops)
{
	struct kakoi_hook *hook;
	size_t index;

	for (index = 0; (hook = kakoi_hook_at(index)); index++) {
		if (hook->ops & ops)
			arm(hook);
		else
			disarm(hook);
	}
}

void kakoi_hooks_disarm(void)
{
	struct kakoi_hook *hook;
	size_t index;

	for (index = 0; (hook = kakoi_hook_at(index)); index++)
		disarm(hook);
	/* Whoever is in a replacement returns through this module's text. */
	while (atomic_read(&inside))
		msleep(10);
	synchronize_rcu();
	msleep(20);
}
