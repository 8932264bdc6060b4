// SPDX-License-Identifier: GPL-2.0-only
/* What is enforced, said by what is in place. One `key value` a line; the agent makes words of it. */
#include <linux/seq_file.h>

#include "kakoi_lkm.h"

static void show_policy(struct seq_file *out, const struct kakoi_policy *policy)
{
	u32 at;

	if (!policy) {
		seq_puts(out, "policy none\n");
		return;
	}
	seq_puts(out, "policy ");
	for (at = 0; at < 16; at++)
		seq_printf(out, "%02x", policy->bytes[KK_H_DIGEST + at]);
	seq_printf(out, "\naudit-only %u\n", kk_u16_at(&policy->blob, KK_H_FLAGS) & KK_PF_AUDIT);
	for (at = 0; at < kk_u16_at(&policy->blob, KK_H_N_DOMAINS); at++)
		seq_printf(out, "domain %u %s\n", at, kakoi_domain_name(policy, at));
	for (at = 0; at < KK_CONTROLS; at++)
		if (policy->controls & KAKOI_BIT(at))
			seq_printf(out, "control %s ops=%x\n", kakoi_control_name(at), kakoi_ops_of_control(at));
	if (kk_u16_at(&policy->blob, KK_H_N_FILTERS))
		seq_printf(out, "filters %u attached=%d %s\n", kk_u16_at(&policy->blob, KK_H_N_FILTERS),
			   atomic_read(&kakoi_filters_attached), kakoi_filters_missing() ?: "");
}

static void show_hooks(struct seq_file *out, u32 needed)
{
	const struct kakoi_hook *hook;
	size_t index;

	for (index = 0; (hook = kakoi_hook_at(index)); index++) {
		if (hook->armed)
			seq_printf(out, "hook %s in-place ops=%x missed=%lu by=%s\n", hook->name, hook->ops,
				   hook->traced ? 0 : hook->probe.nmissed,
				   hook->traced ? "tracer" : "probe");
		else
			seq_printf(out, "hook %s %s ops=%x %s\n", hook->symbols[0],
				   !(hook->ops & needed) ? "idle" :
				   !hook->why || !*hook->why ? "ready" : hook->otherwise ? "not-needed" : "missing", hook->ops, hook->why ? hook->why : "");
	}
}

int kakoi_status_show(struct seq_file *out, void *unused)
{
	const struct kakoi_policy *policy;
	u32 needed;

	seq_printf(out, "backend module\nabi %u\nsealed %d\n", KK_VERSION, kakoi_sealed);
	rcu_read_lock();
	policy = rcu_dereference(kakoi_policy);
	needed = policy ? policy->ops | KAKOI_ACCEPT : 0;
	show_policy(out, policy);
	rcu_read_unlock();
	seq_printf(out, "marks %d\nheld %d\ndropped %d%s\nevents-lost %d\n", atomic_read(&kakoi_marks),
		   atomic_read(&kakoi_held), atomic_read(&kakoi_dropped_count),
		   kakoi_dropped_overflow() ? " overflow" : "", atomic_read(&kakoi_events_lost));
	seq_printf(out, "vouched %d changed=%d\n", atomic_read(&kakoi_vouched_count),
		   atomic_read(&kakoi_vouched_changed));
	seq_puts(out, "hook binary-format in-place ops=2 missed=0\n");
	show_hooks(out, needed);
	return 0;
}
