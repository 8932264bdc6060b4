// SPDX-License-Identifier: GPL-2.0-only
/* A connection is taken: the next child of a login daemon is a session. Seen where a connection becomes a
 * socket of the one who waits for it; nothing is judged and nothing replaced. */
#include "compat/arch.h"
#include "kakoi_lkm.h"

#ifdef CONFIG_KPROBES

static const char *const places[] = { "inet_accept", "security_socket_accept" };
static struct kprobe probe;
static bool armed;

static int seen(struct kprobe *at, struct pt_regs *regs)
{
	if (in_task() && atomic_read(&kakoi_marks))
		kakoi_mark_accepted();
	return kakoi_step(at, regs);
}
NOKPROBE_SYMBOL(seen);

static void after(struct kprobe *at, struct pt_regs *regs, unsigned long flags)
{
}

int kakoi_accept_begin(void)
{
	size_t at;

	for (at = 0; at < ARRAY_SIZE(places); at++) {
		memset(&probe, 0, sizeof(probe));
		probe.symbol_name = places[at];
		probe.pre_handler = seen;
		probe.post_handler = after;
		if (register_kprobe(&probe))
			continue;
		if (kakoi_can_step(&probe)) {
			armed = true;
			return 0;
		}
		unregister_kprobe(&probe);
	}
	pr_err("accepted connections cannot be seen\n");
	return -ENOENT;
}

void kakoi_accept_end(void)
{
	if (armed)
		unregister_kprobe(&probe);
}

#else

int kakoi_accept_begin(void)
{
	pr_err("this kernel has no probes: accepted connections cannot be seen\n");
	return -ENOENT;
}

void kakoi_accept_end(void)
{
}

#endif
